"""What moves a result: one thing changed at a time."""
