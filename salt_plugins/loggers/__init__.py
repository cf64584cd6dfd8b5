"""Bundled plugins of the kind that this folder is named after, one folder each."""
