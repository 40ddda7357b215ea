"""Pictures of the tables, in one style, and the page of results."""
