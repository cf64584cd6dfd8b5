"""``salt compare``: two files of predictions, column by column."""
