"""Figures and tables: what customers and staff say, and what it moves."""
