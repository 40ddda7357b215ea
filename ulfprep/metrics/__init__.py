"""Image quality metrics, with and without a high-field image to compare with."""
