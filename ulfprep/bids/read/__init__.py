"""What comes in: datasets, scans, sidecars, images, derivatives of others."""
