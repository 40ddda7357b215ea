"""The volumes themselves in a page, to click through."""
