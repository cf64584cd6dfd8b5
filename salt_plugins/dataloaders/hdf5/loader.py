"""Reads HDF5 files directly, in weakly shuffled batches."""

from __future__ import annotations

from salt_core import Dataloader
from salt_core.interfaces.dataloader import JetLoader, LoadRequest
from salt_plugins.dataloaders.hdf5.batches import Hdf5Batches


class Hdf5(Dataloader):
    """Reads contiguous batches straight from HDF5 files, whole batches shuffled for training.

    Jets that lie side by side in the file stay in one batch; the order of the batches is new in
    each epoch. Only the columns that inputs and tasks need are read. For a full shuffle of jets the
    file itself has to be shuffled.
    """

    def build(self, request: LoadRequest) -> JetLoader:
        """Open the sample that `request` describes."""
        return Hdf5Batches(request)
