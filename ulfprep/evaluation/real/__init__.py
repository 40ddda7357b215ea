"""Real low-field scans, of which no truth is known."""
