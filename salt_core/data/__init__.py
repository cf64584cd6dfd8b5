"""Batches of jets: what they hold, how they are read, checked and normalised."""
