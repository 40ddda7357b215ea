"""Figures and HTML reports, made from derivatives alone."""
