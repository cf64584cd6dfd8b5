"""Reads HDF5 files directly, in weakly shuffled batches."""

from __future__ import annotations

from salt_core import ConfigError, Dataloader
from salt_core.data.file_batches import FileBatches
from salt_core.interfaces.dataloader import JetLoader, LoadRequest


class Hdf5(Dataloader):
    """Reads contiguous batches straight from HDF5 files, whole batches shuffled for training.

    Jets that lie side by side in the file stay in one batch; the order of the batches is new in
    each epoch. Only the columns that inputs and tasks need are read. For a full shuffle of jets the
    file itself has to be shuffled.
    """

    def check(self, request: LoadRequest) -> None:
        """Refuse to shuffle jets one by one."""
        if request.training and request.shuffle == "full":
            raise ConfigError(
                "the loader hdf5 reads contiguous batches and shuffles whole ones; choose blocks or none, "
                "or --data.loader packed, which shuffles jets one by one",
                "data.shuffle",
            )

    def build(self, request: LoadRequest) -> JetLoader:
        """Open the sample that `request` describes."""
        self.check(request)
        return FileBatches(request)
