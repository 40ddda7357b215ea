"""What ulfprep reads from and writes to BIDS datasets."""
