"""Figures and tables: what a customer is worth, from contracts and from purchases."""
