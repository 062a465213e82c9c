"""Figures and tables: complaints and recovery, exits, forerunners of loss, win-back, contacts."""
