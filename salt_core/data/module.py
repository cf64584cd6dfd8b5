"""The data side of a run: which files and columns are read, and the loaders that read them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

from lightning.pytorch import LightningDataModule
from lightning.pytorch.trainer.states import TrainerFn

from salt_core.data.advice import Readers, WatchedLoader
from salt_core.data.askers import Askers
from salt_core.data.batch import JetBatch
from salt_core.data.choices import unknown_objects, wrong_names, wrong_numbers
from salt_core.data.cuts import cuts_by_object
from salt_core.data.derived import ClassNames, Columns, CompletedLoader, Derived, joined
from salt_core.data.facts import DataFacts
from salt_core.data.files import names_of
from salt_core.data.norms import Scale, class_weights, normalisation
from salt_core.data.parameters import Parameter
from salt_core.data.request import (
    Contents,
    LoadRequest,
    Position,
    Sample,
    Selection,
    Shuffle,
    without_missing,
)
from salt_core.data.rules import Case, Classes
from salt_core.data.samples import Samples
from salt_core.data.staging import Stage
from salt_core.data.workers import chosen_workers
from salt_core.errors import ConfigError, raise_all, run_all, suggest
from salt_core.interfaces.dataloader import Dataloader, JetLoader
from salt_core.interfaces.staging import Staging
from salt_core.limits import usable_cpus
from salt_core.sizes import bytes_of

log = logging.getLogger("salt.data")

Scales = Mapping[str, Scale]


class SaltDataModule(LightningDataModule):
    """Jets and their constituents from HDF5 files.

    Parameters
    ----------
    variables : dict of str to list of str
        Input variables of the global object and of each stream of constituents, in order.
    loader : Dataloader
        How the files are read.
    train_file, val_file, test_file : Path or list of Path, optional
        The samples; a run needs those that it reads. Several files, as a list or by wildcards, read
        as one; those to be evaluated have predictions of their own each.
    norm_dict : Path, optional
        YAML file with mean and standard deviation of each input variable.
    class_dict : Path, optional
        YAML file with the class weights of labels.
    batch_size : int, optional
        Jets in a batch, on each device.
    num_workers : int or "auto", optional
        Worker processes that read; 0 reads in the training process, "auto" follows the CPUs that it
        may use.
    num_train, num_val, num_test : int, optional
        Jets to use of each sample; -1 for all.
    shuffle : "full", "blocks" or "none", optional
        How the training sample is shuffled in each epoch; the loader does the best that it can by default.
    max_memory : int or str, optional
        Memory that loading may take, in bytes or such as ``8 GB``; by default what the machine has
        to spare.
    cache_dir : Path, optional
        Folder on a local disk where loaders keep what they make of the files.
    move_files_temp : Path, optional
        Folder on fast storage to which the training and validation files are copied for the time of
        a training.
    staging : Staging, optional
        How they are copied; by default as `staging_places` says.
    staging_places : dict of str to Staging, optional
        How files are copied, by the folder in which ``move_files_temp`` lies.
    global_object : str, optional
        The object with one row per jet.
    input_map : dict of str to str, optional
        Dataset in the file of an object, where it is not the object's name.
    num_inputs : dict of str to int, optional
        Most constituents to read per jet, by stream.
    selections : dict of str to list of str, optional
        Conditions such as ``pt > 500``, by object, that jets or constituents have to fulfil to be read at all.
    labeller : dict of str to dict of str to Classes, optional
        Class labels that follow from other columns, by object and label.
    multi_target : dict of str to dict of str to list of Case, optional
        Labels that take their values from one column or another, by object and label.
    parameters : dict of str to Parameter, optional
        Columns of the global object that the model is conditioned on, by name.
    extra_vars : dict of str to list of str, optional
        Columns that ``salt test`` copies from the file into its output, by object.
    write_constituents : bool, optional
        Whether ``salt test`` writes the constituents' predictions too, padded as in the input.
    write_precision : "float32" or "float16", optional
        In which precision ``salt test`` writes predictions.
    test_suff : str, optional
        Ending of the names of the files that ``salt test`` writes.
    """

    def __init__(
        self,
        variables: dict[str, list[str]],
        loader: Dataloader,
        train_file: Path | list[Path] | None = None,
        val_file: Path | list[Path] | None = None,
        test_file: Path | list[Path] | None = None,
        norm_dict: Path | None = None,
        class_dict: Path | None = None,
        batch_size: int = 1000,
        num_workers: int | Literal["auto"] = "auto",
        num_train: int = -1,
        num_val: int = -1,
        num_test: int = -1,
        shuffle: Shuffle | None = None,
        max_memory: int | str | None = None,
        cache_dir: Path | None = None,
        move_files_temp: Path | None = None,
        staging: Staging | None = None,
        staging_places: dict[str, Staging] | None = None,
        global_object: str = "jets",
        input_map: dict[str, str] | None = None,
        num_inputs: dict[str, int] | None = None,
        selections: dict[str, list[str]] | None = None,
        labeller: dict[str, dict[str, Classes]] | None = None,
        multi_target: dict[str, dict[str, list[Case]]] | None = None,
        parameters: dict[str, Parameter] | None = None,
        extra_vars: dict[str, list[str]] | None = None,
        write_constituents: bool = False,
        write_precision: Literal["float32", "float16"] = "float32",
        test_suff: str | None = None,
    ) -> None:
        super().__init__()
        self.variables = {name: tuple(names) for name, names in variables.items()}
        self.loader = loader
        self.samples = Samples(
            {"train": train_file, "val": val_file, "test": test_file},
            {"train": num_train, "val": num_val, "test": num_test},
        )
        self._contents: dict[Sample, Contents] = {}
        self.norm_dict = norm_dict
        self.class_dict = class_dict
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.shuffle = shuffle
        self.max_memory = None if max_memory is None else bytes_of(max_memory, "data.max_memory")
        self.cache_dir = cache_dir
        self._stage = Stage(move_files_temp, staging, staging_places or {})
        self.global_object = global_object
        self.datasets = {name: (input_map or {}).get(name, name) for name in (global_object, *variables)}
        self.num_inputs = num_inputs or {}
        self.extra_vars = extra_vars or {}
        self.write_constituents = write_constituents
        self.write_precision = write_precision
        self.test_suffix = test_suff or ""
        by_object: dict[str, Mapping[str, object]] = {
            "input_map": input_map or {},
            "num_inputs": self.num_inputs,
            "extra_vars": self.extra_vars,
            "selections": selections or {},
            "labeller": labeller or {},
            "multi_target": multi_target or {},
        }
        raise_all(
            [
                *wrong_numbers(batch_size, num_workers, self.samples.num_jets),
                *wrong_names(self.datasets, by_object),
            ]
        )
        self.cuts = cuts_by_object(selections or {}, "data.selections")
        self.derived = Derived(global_object, labeller or {}, multi_target or {}, parameters or {})
        self._askers = Askers({}, self.derived)

    def build(
        self,
        columns: Mapping[str, Columns],
        inputs: Mapping[str, Columns],
        seed: int,
        check: Callable[[JetBatch], None],
    ) -> None:
        """Take what follows from the model.

        Parameters
        ----------
        columns : mapping of str to mapping of str to sequence of str
            Raw columns that each part of the model needs, by the part's key path and by object.
        inputs : mapping of str to mapping of str to sequence of str
            Those of them without which there is no prediction.
        seed : int
            Of the order in which training batches come.
        check : callable
            Raises a `DataError` for a batch whose labels cannot be used; called on the host.
        """
        self.check = check
        self.seed = seed
        self._askers = Askers(columns, self.derived)
        parameters = {self.global_object: list(self.derived.parameters)}
        self.wanted = joined([*columns.values(), self.made_vars, parameters], self.datasets)
        self.inputs = joined(list(inputs.values()), self.datasets)
        raise_all([*unknown_objects(columns, self.datasets)])

    @property
    def made_vars(self) -> dict[str, tuple[str, ...]]:
        """Those of ``extra_vars`` that are made of other columns, by object."""
        return {
            name: tuple(column for column in names if column in self.derived.rules.get(name, {}))
            for name, names in self.extra_vars.items()
        }

    @property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """Further columns that are read, by object."""
        return self.derived.in_files(self.wanted)

    def completed(self, batch: JetBatch, sample: Sample, epoch: int = 0) -> JetBatch:
        """Return a batch of a sample with the columns that are made of those of the files."""
        return self.derived.complete(batch, self.wanted, sample, self.seed, epoch)

    def files(self, sample: Sample) -> tuple[Path, ...]:
        """Return the files of a sample; see `Samples.files`."""
        return self.samples.files(sample)

    def take_test_files(self, *paths: Path) -> None:
        """Make some files the whole test sample, as files are evaluated one after the other."""
        self.samples.take_test_files(*paths)
        self._contents.pop("test", None)

    @property
    def unwritten(self) -> tuple[str, ...]:
        """The objects whose predictions are not written."""
        return () if self.write_constituents else tuple(n for n in self.variables if n != self.global_object)

    def selection(self, sample: Sample = "train") -> Selection:
        """Return what is read of a sample; of raw columns only those that it has where it is the test sample."""
        selection = Selection(
            self.global_object, self.variables, self.columns, self.datasets, self.num_inputs, self.cuts
        )
        if sample != "test":
            return selection
        return without_missing(selection, self.contents("test").columns)

    def contents(self, sample: Sample) -> Contents:
        """Tell what a sample holds; it has all that is read of it, but the test sample need not have labels."""
        if sample not in self._contents:
            selection = self.selection()
            if sample == "test":
                selection = replace(selection, columns=self.derived.in_files(self.inputs))
            with self._askers.named():
                self._contents[sample] = self.loader.contents(self._request(sample, selection))
        return self._contents[sample]

    def class_names(self) -> ClassNames:
        """Tell the names of classes that the training sample has for labels, whatever else it lacks."""
        nothing: Mapping[str, tuple[str, ...]] = dict.fromkeys(self.variables, ())
        bare = replace(self.selection(), variables=nothing, columns={})
        return self.derived.all_class_names(self.loader.contents(self._request("train", bare)).class_names)

    def facts(self) -> DataFacts:
        """Read what the model's sizes and names follow from: dicts, and what the training sample tells."""
        means, stds = self.normalisation()
        names = self.derived.all_class_names(self.contents("train").class_names)
        return self.facts_of(means, stds, names, class_weights(self.class_dict))

    def facts_of(
        self, means: Scales, stds: Scales, names: ClassNames, weights: Mapping[str, Scales]
    ) -> DataFacts:
        """Put facts together with what the options alone say."""
        own = self.derived.scales
        return DataFacts(self.global_object, self.variables, means, stds, names, weights, own)

    @contextmanager
    def staged(self) -> Iterator[None]:
        """Make what the loader needs of the training and validation samples, for the time of the context.

        On fast storage where ``data.move_files_temp`` says so; leaving the context removes the copies.
        """
        samples: tuple[Sample, ...] = ("train", "val")
        ready = {s: self.loader.prepare(self._request(s, self.selection(), s == "train")) for s in samples}
        with self.samples.staged(ready, self._stage):
            yield

    def check_training(self) -> None:
        """Raise what is wrong with the training and validation files and the dicts, all of it at once."""
        with self._askers.named():
            run_all(
                lambda: self.check_file("train"),
                lambda: self.check_file("val"),
                lambda: self.loader.check(self._request("train", self.selection(), training=True)),
                self.normalisation,
                lambda: class_weights(self.class_dict),
            )

    def normalisation(self) -> tuple[dict[str, Scale], dict[str, Scale]]:
        """Read means and standard deviations of the input variables, by object."""
        return normalisation(self.norm_dict, self.variables, self.datasets)

    def check_file(self, sample: Sample) -> None:
        """Raise where a sample does not hold what is read from it or copied out of it."""
        contents = self.contents(sample)
        if sample == "test":
            self._check_copied(contents)
        cut = self.cuts.get(self.global_object)
        passing = f" that pass data.selections ({' and '.join(map(str, cut))})" if cut else ""
        self.samples.check_number(sample, contents.num_jets, f"{self.global_object}{passing}")

    def _check_copied(self, contents: Contents) -> None:
        """Raise where the test sample lacks a column that is copied into the output."""
        raise_all(
            [
                ConfigError(
                    f"{names_of(self.files('test'))} has no variable {column!r} of {name!r}, for which "
                    f"data.extra_vars asks (--data.extra_vars.{name} names others, or with [] none); "
                    f"{suggest(column, contents.columns[name])}",
                    "data.test_file",
                )
                for name, columns in self.extra_vars.items()
                for column in columns
                if not self.derived.is_there(name, column, contents.columns[name])
            ]
        )

    def pieces(
        self, sample: Sample, selection: Selection, num_jets: int, position: Callable[[], Position]
    ) -> JetLoader:
        """Return a sample in pieces from all over it, read by this process from where they lie.

        Parameters
        ----------
        sample : str
            Which one.
        selection : Selection
            What to read of it.
        num_jets : int
            Most jets in a piece.
        position : callable
            Tells which piece comes first when they are read.
        """
        request = replace(
            self._request(sample, selection, training=True),
            batch_size=num_jets,
            num_workers=0,
            shuffle=None,
            once=True,
            rank=0,
            world_size=1,
            position=position,
        )
        return self._load(request, sample)

    def room(self) -> dict[Path, int]:
        """Tell how many bytes will be written to which folder before the first step."""
        needed: dict[Path, int] = {}
        for sample in ("train", "val"):
            for folder, size in self.loader.room(self._request(sample, self.selection())).items():
                needed[folder] = needed.get(folder, 0) + size
        return needed

    def train_dataloader(self) -> JetLoader:
        """Return the training sample in shuffled batches, and say where loading them will hold things up."""
        request = self._request("train", self.selection(), training=True)
        ranks = self.trainer.num_devices if self.trainer else 1
        readers = Readers(request.num_workers, usable_cpus(), ranks, self.loader.reads_with_workers)
        if said := readers.too_many():
            log.warning("%s", said)
        return WatchedLoader(self._load(request, "train"), readers)

    def val_dataloader(self) -> JetLoader:
        """Return the validation sample in file order."""
        return self._load(self._request("val", self.selection()), "val")

    def test_dataloader(self) -> JetLoader:
        """Return the test sample in file order; it need not have labels."""
        return self._load(self._request("test", self.selection("test")), "test")

    def on_before_batch_transfer(self, batch: JetBatch, dataloader_idx: int) -> JetBatch:
        """Check the labels of a batch that a loss will see."""
        del dataloader_idx
        if self.trainer is not None and not self.trainer.testing:
            self.check(batch)
        return batch

    def _load(self, request: LoadRequest, sample: Sample) -> JetLoader:
        """Open a sample; its batches have the columns that are made of others too."""
        with self._askers.named():
            loader = self.loader.build(request)
        if not self.derived.rules and not self.derived.parameters:
            return loader
        position = request.position or (lambda: Position(0, 0))
        return CompletedLoader(
            loader, lambda batch, epoch: self.completed(batch, sample, epoch), lambda: position().epoch
        )

    def _request(self, sample: Sample, selection: Selection, training: bool = False) -> LoadRequest:
        trainer = self.trainer
        return LoadRequest(
            files=self.samples.files_to_read(sample),
            selection=selection,
            num_jets=self.samples.num_jets[sample],
            batch_size=self.batch_size,
            num_workers=chosen_workers(self.num_workers, trainer.num_devices if trainer else 1),
            training=training,
            shuffle=self.shuffle,
            once=trainer is not None and trainer.state.fn != TrainerFn.FITTING,
            seed=self.seed,
            rank=trainer.global_rank if trainer else 0,
            world_size=trainer.world_size if trainer else 1,
            position=self._position if training and trainer else None,
            max_memory=self.max_memory,
            cache_dir=self.cache_dir,
            where=f"data.{sample}_file",
        )

    def _position(self) -> Position:
        """Tell where the trainer stands: its epoch, and the batches of it that are done."""
        assert self.trainer is not None
        loop = self.trainer.fit_loop
        return Position(self.trainer.current_epoch, loop.epoch_loop.batch_progress.current.ready)
