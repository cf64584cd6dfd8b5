"""Bundled commands of `salt`."""
