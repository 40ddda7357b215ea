"""What goes out: names and contents of derivatives, tables, raw datasets."""
