"""The version of the distribution `salt-hep`."""

__version__ = "0.1.0"
