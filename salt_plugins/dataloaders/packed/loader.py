"""Reads a packed store, which it makes of HDF5 files at the first use."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from salt_core import ConfigError, Dataloader, RunError, SaltError
from salt_core.data.file_batches import FileBatches
from salt_core.data.files import names_of
from salt_core.errors import raise_all, suggest
from salt_core.files import whole_folder
from salt_core.interfaces.dataloader import Contents, JetLoader, LoadRequest
from salt_core.shelf import Lease, Shelf
from salt_core.sizes import bytes_of, readable
from salt_plugins.dataloaders.packed.batches import PackedBatches
from salt_plugins.dataloaders.packed.manifest import Manifest, is_store, missing
from salt_plugins.dataloaders.packed.packing import estimated_size, write_store
from salt_plugins.dataloaders.packed.report import report
from salt_plugins.dataloaders.packed.sources import changes, identities, key_of
from salt_plugins.dataloaders.packed.store import PackedStore
from salt_plugins.dataloaders.packed.verifying import verify

log = logging.getLogger("salt.packed")

#: Share of the disk that the cache may fill where no limit is given.
CACHE_SHARE = 1 / 2


class Packed(Dataloader):
    """Reads a memory-mapped store of packed jets, which it makes of the HDF5 files at the first use.

    All jets are shuffled in each epoch while the store fits in memory, blocks of them where it does
    not. The store lies in ``data.cache_dir``, a local folder; later trainings with the same files and
    variables find it there. ``data.num_workers`` processes make it; while training, none is needed.

    Parameters
    ----------
    cache_limit : int or str, optional
        Size that the stores in the cache may have together, such as ``200 GB``; those that were not
        used for longest are removed first. By default half of the disk.
    """

    reads_with_workers = False

    def __init__(self, cache_limit: int | str | None = None) -> None:
        self.cache_limit = None if cache_limit is None else bytes_of(cache_limit, "data.loader.cache_limit")
        self._leases: list[Lease] = []

    def build(self, request: LoadRequest) -> JetLoader:
        """Open the store of a sample; a sample that is read once is read from its files."""
        if request.once and not _names_store(request):
            return FileBatches(request)
        (folder,) = self.prepare(request)
        return PackedBatches(PackedStore(folder, request.selection), request)

    def contents(self, request: LoadRequest) -> Contents:
        """Tell what HDF5 files or a store hold."""
        if not _names_store(request):
            return super().contents(request)
        (folder,) = request.files
        manifest = Manifest.read(folder)
        raise_all(
            [
                ConfigError(
                    f"the store {folder} has no {f'variable {column!r} of {name!r}' if column else repr(name)}; "
                    f"{suggest(column, manifest.objects[name].known if name in manifest.objects else ())}",
                    request.where,
                )
                for name, column in missing(manifest, request.selection)
            ]
        )
        return Contents(
            manifest.num_jets,
            {name: item.known for name, item in manifest.objects.items()},
            {
                name: {column: tuple(found) for column, found in item.class_names.items()}
                for name, item in manifest.objects.items()
            },
        )

    def room(self, request: LoadRequest) -> Mapping[Path, int]:
        """Estimate the size of the store of a sample where there is none yet."""
        if _names_store(request):
            return {}
        root, key = _place(request)
        return {} if (root / key).exists() else {root: estimated_size(request)}

    def prepare(self, request: LoadRequest) -> tuple[Path, ...]:
        """Make the store of a sample where there is none that can be used, and return its folder.

        Raises
        ------
        DataError
            Where an input is not finite, a file cannot be read, or a store that is named is damaged.
        RunError
            Where the store cannot be kept in the cache.
        """
        if _names_store(request):
            verify(request.files[0])
            return request.files
        sources = identities(request.files, request.selection)
        what = f"the store of {names_of(request.files)}"
        root, key = _place(request)
        shelf = Shelf(root, keep=True)
        try:
            shelf.clean()
            lease = shelf.take(
                key,
                make=partial(write_store, request, sources),
                sound=partial(_is_sound, files=request.files, sources=sources),
                what=what,
            )
        except OSError as error:
            message = (
                f"{what} cannot be kept in {root}: {error.strerror}; data.cache_dir names another folder"
            )
            raise RunError(message) from error
        self._leases.append(lease)  # held to the end of the process: the system ends it with us
        self._trim(shelf, key)
        return (lease.path,)

    def pack(self, request: LoadRequest, folder: Path) -> None:
        """Make the store of a sample in a folder that does not exist yet.

        Raises
        ------
        ConfigError
            Where the folder exists.
        DataError
            Where an input is not finite or a file cannot be read.
        RunError
            Where the folder cannot be written.
        """
        if folder.exists() or folder.is_symlink():
            raise ConfigError(f"{folder} exists; name a new folder, or remove it", "--out")
        sources = identities(request.files, request.selection)
        try:
            with whole_folder(folder) as temporary:
                write_store(request, sources, temporary)
        except OSError as error:
            message = f"{folder} cannot be written: {error.strerror}; name a folder elsewhere"
            raise RunError(message, "--out") from error

    def describe(self, folder: Path) -> str:
        """Tell what a store holds."""
        return report(folder)

    def _trim(self, shelf: Shelf, key: str) -> None:
        """Remove what was not used for longest where the cache has become too large."""
        limit = self.cache_limit
        if limit is None:
            limit = int(shutil.disk_usage(shelf.root).total * CACHE_SHARE)
        for path in shelf.trim(limit, spare={key}):
            log.info("removed the store %s: the cache may have %s (cache_limit)", path, readable(limit))


def default_cache() -> Path:
    """Return the folder of stores: local to the machine, as home folders and samples often are not."""
    given = os.environ.get("SALT_CACHE_DIR")
    if given:
        return Path(given)
    top = Path(os.environ["TMPDIR"]) if os.environ.get("TMPDIR") else Path("/var/tmp")  # noqa: S108 - made private
    return (top if top.is_dir() else Path(tempfile.gettempdir())) / f"salt-{os.getuid()}"


def _place(request: LoadRequest) -> tuple[Path, str]:
    """Return the cache that a request means, and the name of its store there."""
    root = request.cache_dir or default_cache()
    return root, key_of(request.files, request.selection, request.num_jets)


def _names_store(request: LoadRequest) -> bool:
    """Tell whether a request names a store instead of files; raise where it names one among others."""
    stores = [path for path in request.files if is_store(path)]
    if stores and len(request.files) > 1:
        message = f"{stores[0]} is a store, which is a whole sample; it cannot be one of several"
        raise ConfigError(message, request.where)
    return bool(stores)


def _is_sound(folder: Path, files: Sequence[Path], sources: Sequence[dict[str, object]]) -> bool:
    """Tell whether a store of the cache can be used, and say why where it cannot."""
    try:
        differing = changes(Manifest.read(folder).sources, sources)
        if not differing:
            verify(folder)
            return True
        reason = "; ".join(differing)
    except SaltError as error:
        reason = str(error)
    log.warning("the store of %s is made anew: %s", names_of(files), reason)
    return False
