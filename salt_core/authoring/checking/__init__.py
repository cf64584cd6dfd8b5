"""``salt plugins check``: what is wrong with a plugin package, told to its author."""
