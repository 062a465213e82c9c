"""Figures and tables: effects of programmes, targeting, claims, actions."""
