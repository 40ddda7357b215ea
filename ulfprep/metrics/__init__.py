"""Image quality metrics, with and without a reference."""
