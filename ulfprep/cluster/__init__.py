"""Jobs for the scheduler of a cluster: what they ask for, and their scripts."""
