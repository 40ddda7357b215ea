"""Figures: volumes and records in, SVG out."""
