"""Reading HDF5 files directly."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_dataloaders() -> Mapping[str, str]:
    """Offer the name that YAML uses."""
    return {"hdf5": "salt_plugins.dataloaders.hdf5.loader:Hdf5"}
