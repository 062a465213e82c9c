"""Figures and tables: what holds a customer: switching costs, bonds, price room, brands, wallet."""
