"""Nipype workflows: the way of a scan through the core functions."""
