"""Tables: every method against known high-field images."""
