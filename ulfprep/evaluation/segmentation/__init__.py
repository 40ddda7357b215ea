"""The benchmark of the tissue segmentation."""
