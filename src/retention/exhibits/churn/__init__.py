"""Figures and tables: who stays, who leaves, why, and who will leave next."""
