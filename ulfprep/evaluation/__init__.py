"""Example data, baselines and benchmarks."""
