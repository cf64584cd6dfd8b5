"""The Python door to a trained model."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

from salt_core.config.arguments import Arguments, Flag
from salt_core.config.load import load as load_config
from salt_core.config.paths import resolve_path
from salt_core.data.assemble import batch_of
from salt_core.data.batch import JetBatch
from salt_core.data.files import expand
from salt_core.data.hdf5 import check_columns, dataset_of, opened
from salt_core.data.order import evaluation_pieces
from salt_core.data.request import Selection, without_missing
from salt_core.data.rows import FileReader, place_of
from salt_core.errors import ConfigError, RunError
from salt_core.evaluation.checkpoint import Checkpoint, alone, load_weights
from salt_core.evaluation.output import Array
from salt_core.evaluation.tables import Tables
from salt_core.training.checkpoints import FOLDER, best_checkpoint, facts_of, read_checkpoint
from salt_core.training.objects import instantiate_parts
from salt_core.training.run_files import CONFIG_NAME

Source = str | os.PathLike[str]

_numbers = count(1)


def load(
    run_or_ckpt: Source, plugins: Sequence[Source] = (), allow_class_paths: Sequence[str] = ()
) -> Trained:
    """Load a trained model.

    Parameters
    ----------
    run_or_ckpt : str or Path
        A run directory, whose checkpoint with the lowest validation loss is taken; or a checkpoint.
        A checkpoint is read without running code from it.
    plugins : sequence of str or Path, optional
        Plugin files of your project that the model needs. Those in a run directory are found; those
        that a checkpoint alone names have to be named here, for they are run.
    allow_class_paths : sequence of str, optional
        Modules whose classes the configuration may name by ``class_path``, beside Lightning's own.

    Returns
    -------
    Trained
        The model, on the CPU.

    Raises
    ------
    SaltError
        Where there is no such model, or it cannot be used.
    """
    path = resolve_path(os.fspath(run_or_ckpt), Path.cwd())
    named = json.dumps([str(resolve_path(os.fspath(plugin), Path.cwd())) for plugin in plugins])
    arguments = Arguments(
        flags=(Flag("--plugins", named),) if plugins else (), allow_class_paths=tuple(allow_class_paths)
    )
    return Trained(_of_run(path, arguments) if path.is_dir() else alone(path, arguments))


def _of_run(run: Path, arguments: Arguments) -> Checkpoint:
    if not (run / CONFIG_NAME).is_file():
        raise ConfigError(
            f"{run} is no run directory: it has no {CONFIG_NAME}; a checkpoint has its configuration in it, "
            f"so name one, such as {run / FOLDER / 'last.ckpt'}"
        )
    loaded = load_config(replace(arguments, configs=(str(run / CONFIG_NAME),)))
    path = best_checkpoint(run)
    return Checkpoint(path, read_checkpoint(path, ""), loaded)


class Trained:
    """A trained model that predicts; `salt_core.load` makes it.

    Parameters
    ----------
    checkpoint : Checkpoint
        Where its weights and its configuration come from.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        resolved = checkpoint.loaded.resolved
        self.checkpoint = checkpoint.path
        self.config: Mapping[str, Any] = resolved.short
        self.module, self._data = instantiate_parts(resolved)
        self._data.build(self.module.columns(), self.module.inputs(), 0, self.module.check)
        with torch.random.fork_rng(devices=()):  # whoever loads a model has generators of their own
            self.module.build(facts_of(checkpoint.content))
        load_weights(self.module, checkpoint)
        self.module.eval()

    @property
    def class_names(self) -> dict[str, tuple[str, ...]]:
        """Names of the classes, in their order, of each task that tells classes apart."""
        return {name: tuple(task.class_names) for name, task in self.module.heads.items() if task.class_names}

    def predict(
        self,
        source: Source | Sequence[Source] | Mapping[str, Any],
        batch_size: int = 1000,
        device: str | torch.device = "cpu",
        constituents: bool | None = None,
    ) -> dict[str, Array]:
        """Predict as ``salt test`` does.

        Parameters
        ----------
        source : str, Path, sequence of them, or mapping of str to numpy.ndarray
            HDF5 files, also by wildcards, whose rows come one after the other; or structured arrays by
            object as h5py gives them, jets (B,) and constituents (B, P) with a field ``valid``.
        batch_size : int, optional
            Jets at a time.
        device : str or torch.device, optional
            Where to compute.
        constituents : bool, optional
            Whether the streams' predictions are given too; by default as ``data.write_constituents`` says.

        Returns
        -------
        dict of str to numpy.ndarray
            By object a structured array, (B,) or (B, P), of the columns that ``salt test`` writes. Of
            ``data.extra_vars`` those that the source has.

        Raises
        ------
        ConfigError
            Where the source lacks an object or a variable, or an argument is of no use.
        DataError
            Where its content cannot be used.
        """
        if batch_size < 1:
            raise ConfigError(f"{batch_size} is not a number of jets; give 1 or more", "batch_size")
        self._move(device)
        wanted = self._data.write_constituents if constituents is None else constituents
        parts: dict[str, list[Array]] = {}
        for file in self._files(source):
            for name, rows in self._predict(file, batch_size, wanted):
                parts.setdefault(name, []).append(rows)
        return {name: _joined(name, rows) for name, rows in parts.items()}

    def own_sample(self) -> Path | None:
        """Return a file of the configuration's test sample, or else of its validation sample, that is there."""
        for key in ("test_file", "val_file"):
            named = self.config["data"].get(key) or []
            for path in map(Path, [named] if isinstance(named, str) else named):
                if path.is_file() and h5py.is_hdf5(path):
                    return path
        return None

    def batches(
        self, source: Source, batch_size: int = 1000, most: int | None = None, where: str = "source"
    ) -> Iterator[JetBatch]:
        """Read one file as the model takes it, on the CPU; its inputs are not normalised yet.

        Parameters
        ----------
        source : str or Path
            HDF5 file.
        batch_size : int, optional
            Jets at a time.
        most : int, optional
            How many jets of the file to read at most, from its first on.
        where : str, optional
            The flag or the argument that names the file, for messages.

        Raises
        ------
        SaltError
            As `predict` does.
        """
        for file in self._files(source, where):
            num_jets, selection, _ = self._selection(file, where)
            wanted = num_jets if most is None else min(num_jets, most)
            yield from self._batches(file, selection, wanted, batch_size)

    @torch.inference_mode()
    def _predict(self, file: h5py.File, batch_size: int, constituents: bool) -> Iterator[tuple[str, Array]]:
        """Yield the rows of one file, batch by batch."""
        num_jets, selection, present = self._selection(file)
        copied = {
            name: [column for column in columns if self._data.derived.is_there(name, column, present[name])]
            for name, columns in self._data.extra_vars.items()
        }
        made = {
            name: [column for column in columns if column in copied[name]]
            for name, columns in self._data.made_vars.items()
        }
        tables = Tables(file, self.config["name"], selection, copied, constituents, made)
        for batch in self._batches(file, selection, num_jets, batch_size):
            batch = batch.to(self.module.device)
            unwanted = () if constituents else selection.streams
            yield from tables.of(self.module.written(batch, unwanted), batch)

    def _selection(
        self, file: h5py.File, where: str = "source"
    ) -> tuple[int, Selection, Mapping[str, Sequence[str]]]:
        """Return the jets of a file, what is read of it, and the columns that its objects have."""
        selection = self._data.selection()
        selection = replace(
            selection, cuts={name: selection.cuts.get(name, ()) for name in selection.streams}
        )
        # What tasks want beside the inputs are labels, which a file to predict need not have.
        needed = replace(selection, columns=self._data.derived.in_files(self._data.inputs))
        num_jets = check_columns(file, needed, where)
        if num_jets == 0:
            raise ConfigError(f"{file.filename} has no {selection.global_object}", where)
        present = {name: dataset_of(file, selection, name).dtype.names for name in selection.objects}
        return num_jets, without_missing(selection, present), present

    def _batches(
        self, file: h5py.File, selection: Selection, num_jets: int, batch_size: int
    ) -> Iterator[JetBatch]:
        reader = FileReader(file, selection)
        for start, stop in evaluation_pieces(num_jets, batch_size, ranks=1):
            batch = batch_of(reader.read(start, stop), selection, lambda rows: place_of(rows, file.filename))
            yield self._data.completed(batch, "test")

    def _files(
        self, source: Source | Sequence[Source] | Mapping[str, Any], where: str = "source"
    ) -> Iterator[h5py.File]:
        """Open one file after the other."""
        if isinstance(source, Mapping):
            with _file_of(source, self._data.datasets) as file:
                yield file
            return
        sources = [source] if isinstance(source, str | os.PathLike) else source
        paths = [resolve_path(os.fspath(one), Path.cwd()) for one in sources]
        for path in expand(paths, where):
            with opened(path, where) as file:
                yield file

    def _move(self, device: str | torch.device) -> None:
        try:
            self.module.to(torch.device(device))
        except (RuntimeError, AssertionError) as error:
            first = str(error).splitlines()[0]
            raise ConfigError(f"{str(device)!r} cannot be used: {first}", "device") from None


@contextmanager
def _file_of(arrays: Mapping[str, Any], datasets: Mapping[str, str]) -> Iterator[h5py.File]:
    """Put arrays into an HDF5 file in memory, so that they are read and checked as files are."""
    with h5py.File(f"arrays-{next(_numbers)}", "w", driver="core", backing_store=False) as file:
        for name, path in datasets.items():
            if name in arrays:
                try:
                    file.create_dataset(path, data=np.asarray(arrays[name]))
                except (TypeError, ValueError) as error:
                    raise ConfigError(f"the array {name!r} cannot be used: {error}", "source") from None
        yield file


def _joined(name: str, parts: Sequence[Array]) -> Array:
    slots = {part.shape[1:] for part in parts}
    if len(slots) > 1:
        told = ", ".join(str(*shape) for shape in sorted(slots))
        raise RunError(
            f"the files have different numbers of slots for {name}, {told}: predict them one by one"
        )
    joined: Array = np.concatenate(parts)
    return joined
