"""The version of the distribution `salt-hep`, and that of the plugin API."""

__version__ = "0.1.0"

#: Major and minor version of what plugins build on; docs/compatibility.md says what belongs to it.
PLUGIN_API = (1, 0)
