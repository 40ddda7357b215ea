"""Ways to make a high-field-like 1 mm image of one low-field scan: ulfprep's and others'."""
