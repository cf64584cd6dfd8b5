"""The base classes that plugins extend, one file a kind."""
