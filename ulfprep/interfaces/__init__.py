"""Thin Nipype interfaces, one per core function."""
