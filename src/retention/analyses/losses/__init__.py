"""Complaints and recovery, exits, forerunners of loss, win-back, contacts."""
