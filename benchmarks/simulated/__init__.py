"""Simulated tables without any true difference, for calibration.py: drawing, the rules compared, what is counted."""
