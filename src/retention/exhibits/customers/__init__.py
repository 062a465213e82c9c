"""Figures and tables: value, core customers, classes, needs, the register, the data."""
