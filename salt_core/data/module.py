"""The data side of a run: which files and columns are read, and the loaders that read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import h5py
from lightning.pytorch import LightningDataModule

from salt_core.data.batch import JetBatch
from salt_core.data.facts import DataFacts
from salt_core.data.hdf5 import check_columns, dataset_of, open_file
from salt_core.data.norms import Scale, class_weights, normalisation
from salt_core.errors import ConfigError, run_all, suggest
from salt_core.interfaces.dataloader import Dataloader, JetLoader, LoadRequest, Position, Selection

Sample = Literal["train", "val", "test"]
Columns = Mapping[str, Sequence[str]]


class SaltDataModule(LightningDataModule):
    """Jets and their constituents from HDF5 files.

    Parameters
    ----------
    variables : dict of str to list of str
        Input variables of the global object and of each stream of constituents, in order.
    loader : Dataloader
        How the files are read.
    train_file, val_file, test_file : Path, optional
        The samples; a run needs those that it reads.
    norm_dict : Path, optional
        YAML file with mean and standard deviation of each input variable.
    class_dict : Path, optional
        YAML file with the class weights of labels.
    batch_size : int, optional
        Jets in a batch, on each device.
    num_workers : int, optional
        Worker processes that read; 0 reads in the training process.
    num_train, num_val, num_test : int, optional
        Jets to use of each sample; -1 for all.
    global_object : str, optional
        The object with one row per jet.
    input_map : dict of str to str, optional
        Dataset in the file of an object, where it is not the object's name.
    num_inputs : dict of str to int, optional
        Most constituents to read per jet, by stream.
    extra_vars : dict of str to list of str, optional
        Columns that ``salt test`` copies from the file into its output, by object.
    write_constituents : bool, optional
        Whether ``salt test`` writes the constituents' predictions too, padded as in the input.
    test_suff : str, optional
        Ending of the name of the file that ``salt test`` writes.
    """

    def __init__(
        self,
        variables: dict[str, list[str]],
        loader: Dataloader,
        train_file: Path | None = None,
        val_file: Path | None = None,
        test_file: Path | None = None,
        norm_dict: Path | None = None,
        class_dict: Path | None = None,
        batch_size: int = 1000,
        num_workers: int = 0,
        num_train: int = -1,
        num_val: int = -1,
        num_test: int = -1,
        global_object: str = "jets",
        input_map: dict[str, str] | None = None,
        num_inputs: dict[str, int] | None = None,
        extra_vars: dict[str, list[str]] | None = None,
        write_constituents: bool = False,
        test_suff: str | None = None,
    ) -> None:
        super().__init__()
        self.variables = {name: tuple(names) for name, names in variables.items()}
        self.loader = loader
        self.files: dict[Sample, Path | None] = {"train": train_file, "val": val_file, "test": test_file}
        self.num_jets: dict[Sample, int] = {"train": num_train, "val": num_val, "test": num_test}
        self.norm_dict = norm_dict
        self.class_dict = class_dict
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.global_object = global_object
        self.datasets = {name: (input_map or {}).get(name, name) for name in (global_object, *variables)}
        self.num_inputs = num_inputs or {}
        self.extra_vars = extra_vars or {}
        self.write_constituents = write_constituents
        self.test_suffix = test_suff or ""
        self._check_choices(input_map or {})

    def build(self, columns: Mapping[str, Columns], seed: int, check: Callable[[JetBatch], None]) -> None:
        """Take what follows from the model.

        Parameters
        ----------
        columns : mapping of str to mapping of str to sequence of str
            Raw columns that each part of the model needs, by the part's key path and by object.
        seed : int
            Of the order in which training batches come.
        check : callable
            Raises a `DataError` for a batch whose labels cannot be used; called on the host.
        """
        self.check = check
        wanted: dict[str, list[str]] = {}
        for where, part in columns.items():
            for name, names in part.items():
                if name not in self.datasets:
                    message = f"columns of {name!r} are needed, but data.variables has no such object"
                    raise ConfigError(f"{message}; {suggest(name, self.datasets)}", where)
                wanted.setdefault(name, []).extend(names)
        self.columns = {name: tuple(dict.fromkeys(names)) for name, names in wanted.items()}
        self.seed = seed

    def file(self, sample: Sample) -> Path:
        """Return the file of `sample`, or raise a `ConfigError` where none is set."""
        path = self.files[sample]
        if path is None:
            raise ConfigError(
                f"not set; give it in a file or as --data.{sample}_file PATH", f"data.{sample}_file"
            )
        return path

    def selection(self, file: h5py.File | None = None) -> Selection:
        """Return what is read; of the raw columns only those that `file` has, where one is given."""
        selection = Selection(
            self.global_object, self.variables, self.columns, self.datasets, self.num_inputs
        )
        if file is None:
            return selection
        present = {
            name: tuple(
                c for c in columns if c in dataset_of(file, selection, name, "data.test_file").dtype.names
            )
            for name, columns in self.columns.items()
        }
        return Selection(self.global_object, self.variables, present, self.datasets, self.num_inputs)

    def facts(self) -> DataFacts:
        """Read what the model's sizes and names follow from: dicts, and attributes of the training file."""
        means, stds = self._normalisation()
        with open_file(self.file("train"), "data.train_file") as file:
            names = {name: self._class_names(file, name) for name in self.columns}
        return DataFacts(
            self.global_object, self.variables, means, stds, names, class_weights(self.class_dict)
        )

    def check_training(self) -> None:
        """Raise what is wrong with the training and validation files and the dicts, all of it at once."""
        run_all(
            lambda: self.check_file("train"),
            lambda: self.check_file("val"),
            self._normalisation,
            lambda: class_weights(self.class_dict),
        )

    def _normalisation(self) -> tuple[dict[str, Scale], dict[str, Scale]]:
        return normalisation(self.norm_dict, self.variables, self.datasets)

    def check_file(self, sample: Sample) -> None:
        """Raise where the file of `sample` does not hold what is read from it or copied out of it."""
        where = f"data.{sample}_file"
        with open_file(self.file(sample), where) as file:
            selection = self.selection()
            if sample == "test":
                copied = {name: tuple(columns) for name, columns in self.extra_vars.items()}
                selection = replace(selection, columns=copied)
            num_jets = check_columns(file, selection, where)
        wanted = self.num_jets[sample]
        if wanted > num_jets:
            raise ConfigError(
                f"{wanted} jets are asked for, {self.file(sample)} has {num_jets}", f"data.num_{sample}"
            )
        if num_jets == 0:
            raise ConfigError(f"{self.file(sample)} has no jets", where)

    def train_dataloader(self) -> JetLoader:
        """Return the training sample in shuffled batches."""
        return self._loader("train", self.selection(), shuffle=True)

    def val_dataloader(self) -> JetLoader:
        """Return the validation sample in file order."""
        return self._loader("val", self.selection())

    def test_dataloader(self) -> JetLoader:
        """Return the test sample in file order; it need not have labels."""
        with open_file(self.file("test"), "data.test_file") as file:
            selection = self.selection(file)
        return self._loader("test", selection)

    def on_before_batch_transfer(self, batch: JetBatch, dataloader_idx: int) -> JetBatch:
        """Check the labels of a batch that a loss will see."""
        del dataloader_idx
        if self.trainer is not None and not self.trainer.testing:
            self.check(batch)
        return batch

    def _loader(self, sample: Sample, selection: Selection, shuffle: bool = False) -> JetLoader:
        trainer = self.trainer
        return self.loader.build(
            LoadRequest(
                file=self.file(sample),
                selection=selection,
                num_jets=self.num_jets[sample],
                batch_size=self.batch_size,
                num_workers=self.num_workers,
                shuffle=shuffle,
                seed=self.seed,
                rank=trainer.global_rank if trainer else 0,
                world_size=trainer.world_size if trainer else 1,
                position=self._position if shuffle and trainer else None,
            )
        )

    def _position(self) -> Position:
        """Tell where the trainer stands: its epoch, and the batches of it that are done."""
        assert self.trainer is not None
        loop = self.trainer.fit_loop
        return Position(self.trainer.current_epoch, loop.epoch_loop.batch_progress.current.ready)

    def _class_names(self, file: h5py.File, name: str) -> dict[str, tuple[str, ...]]:
        attributes = dataset_of(file, self.selection(), name).attrs
        return {
            column: tuple(_text(value) for value in attributes[column])
            for column in self.columns[name]
            if column in attributes
        }

    def _check_choices(self, input_map: Mapping[str, str]) -> None:
        if self.batch_size < 1:
            raise ConfigError(f"{self.batch_size} is not a number of jets; give 1 or more", "data.batch_size")
        if self.num_workers < 0:
            raise ConfigError(f"{self.num_workers} is not a number of processes", "data.num_workers")
        for sample, number in self.num_jets.items():
            if number == 0 or number < -1:
                message = f"{number} is not a number of jets; give 1 or more, or -1 for all"
                raise ConfigError(message, f"data.num_{sample}")
        for option, given in (
            ("input_map", input_map),
            ("num_inputs", self.num_inputs),
            ("extra_vars", self.extra_vars),
        ):
            for name in given:
                if name not in self.datasets:
                    raise ConfigError(
                        f"no input is called {name!r}; {suggest(name, self.datasets)}", f"data.{option}"
                    )


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
