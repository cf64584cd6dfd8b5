"""Which variables and labels of which datasets the dicts are made of, decided by the headers of the files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h5py

from salt_core.data.blocks import datasets_of, entries_of, is_stream, lost_sources, row_bytes
from salt_core.data.cuts import Cut
from salt_core.data.hdf5 import VALID, class_names, opened
from salt_core.errors import ConfigError, DataError, SaltError, raise_all, suggest
from salt_core.files import shown

Names = Mapping[str, Sequence[str]]
Cuts = Mapping[str, tuple[Cut, ...]]

#: Integers of such a name, as eventNumber is, are no quantities: their mean says nothing.
IDENTIFIER = re.compile(r"(number|index|barcode|hash)$|^(event|run|id)$", re.IGNORECASE)

#: Integers with this in their name are what a task predicts, as those are whose classes the file names.
LABEL = re.compile(r"label|truth", re.IGNORECASE)


@dataclass(frozen=True)
class Wanted:
    """What a user asked for by name.

    Parameters
    ----------
    variables : mapping of str to sequence of str, or None
        Variables by object; None for all that the rules leave in.
    labels : mapping of str to sequence of str
        Labels whose classes must all occur, by object.
    datasets : mapping of str to str
        Path of an object's dataset, where it is not the object's name.
    cuts : mapping of str to tuple of Cut
        What jets or constituents have to fulfil to count, by object.
    global_object : str
        The object with one row per jet.
    """

    variables: Names | None = None
    labels: Names = field(default_factory=dict)
    datasets: Mapping[str, str] = field(default_factory=dict)
    cuts: Cuts = field(default_factory=dict)
    global_object: str = "jets"

    def dataset(self, name: str) -> str:
        """Return the path of the dataset of object `name`."""
        return self.datasets.get(name, name)

    @property
    def objects(self) -> list[str]:
        """The objects that were named, each once."""
        return list(dict.fromkeys([*(self.variables or {}), *self.labels]))


@dataclass(frozen=True)
class Label:
    """A label to be counted.

    Parameters
    ----------
    names : tuple of str or None
        The names of its classes, where the file tells them.
    asked : bool
        Whether the user named it.
    """

    names: tuple[str, ...] | None
    asked: bool


@dataclass
class Plan:
    """What is read of each object.

    Parameters
    ----------
    num_rows : list of int
        Rows of each file, the same for all of its datasets.
    datasets : dict of str to str
        Path of the dataset of each object.
    row_bytes : dict of str to int
        Raw bytes of a row of each object.
    variables : dict of str to list of str
        Variables, by object.
    labels : dict of str to dict of str to Label
        Labels, by object.
    types : dict of str to dict of str to str
        Types of all of these fields in the first file, by object.
    left_out : dict of str to str
        Reason why a dataset or a field, named by its path, is none of them.
    cuts : mapping of str to tuple of Cut
        What the constituents of an object have to fulfil to count, by object.
    jets : str
        Path of the dataset of jets, where `jet_cuts` need it.
    jet_cuts : tuple of Cut
        What a jet has to fulfil for it and its constituents to count.
    """

    num_rows: list[int] = field(default_factory=list)
    datasets: dict[str, str] = field(default_factory=dict)
    row_bytes: dict[str, int] = field(default_factory=dict)
    variables: dict[str, list[str]] = field(default_factory=dict)
    labels: dict[str, dict[str, Label]] = field(default_factory=dict)
    types: dict[str, dict[str, str]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    cuts: Cuts = field(default_factory=dict)
    jets: str = ""
    jet_cuts: tuple[Cut, ...] = ()

    def put(
        self, name: str, dataset: h5py.Dataset, path: str, variables: Sequence[str], asked: Names
    ) -> None:
        """Add an object with variables, and with all its labels that may have classes or are `asked`."""
        mine = asked.get(name, ())
        labels = [c for c in dataset.dtype.names if c in mine or _may_have_classes(dataset, c)]
        self.datasets[name] = path
        self.row_bytes[name] = row_bytes(dataset)
        self.variables[name] = list(dict.fromkeys(variables))
        self.labels[name] = {c: Label(class_names(dataset, c), c in mine) for c in labels}
        self.types[name] = {c: str(dataset.dtype[c]) for c in (*self.variables[name], *labels)}

    def limited(self, num_jets: int | None) -> list[int]:
        """Return the rows to read of each file, `num_jets` of them all together."""
        left = sum(self.num_rows) if num_jets is None else num_jets
        rows = []
        for number in self.num_rows:
            rows.append(min(number, left))
            left -= rows[-1]
        return rows


def plan_of(files: Sequence[Path], wanted: Wanted) -> Plan:
    """Decide by the headers what is read, and check that all files have it alike.

    Parameters
    ----------
    files : sequence of Path
        The files, which read as one sample in this order; the first one decides.
    wanted : Wanted
        What was asked for by name.

    Raises
    ------
    ConfigError
        One that tells everything that is missing or differs.
    DataError
        Where a file cannot be opened, has datasets that differ in length, or lost parts of a virtual one.
    """
    with opened(files[0]) as file:
        plan = _all_quantities(file, wanted) if wanted.variables is None else Plan()
        _put_asked(plan, file, wanted)
    _put_cuts(plan, wanted)
    faults: list[SaltError] = []
    for path in files:
        with opened(path) as file:
            faults += _differences(file, plan, files[0])
            faults += _missing_for_cuts(file, plan)
            first = next(iter(plan.datasets.values()), None)
            table = None if first is None else _table(file, first)
            plan.num_rows.append(0 if table is None else len(table))
    raise_all(faults)
    return plan


def _put_asked(plan: Plan, file: h5py.File, wanted: Wanted) -> None:
    """Add what was asked for by name to `plan`."""
    faults: list[SaltError] = []
    for name in wanted.objects:
        dataset = _table(file, wanted.dataset(name))
        if dataset is None:
            tables = [entry.path for entry in entries_of(file) if _is_table(entry.item)]
            hint = suggest(wanted.dataset(name), tables)
            faults.append(
                ConfigError(f"{_name(file)} has no structured dataset {wanted.dataset(name)!r}; {hint}")
            )
            continue
        labels = wanted.labels.get(name, ())
        variables = (wanted.variables or plan.variables).get(name, ())
        mistakes = [
            *_unusable(file, dataset, variables, "fiub", "a number"),
            *_unusable(file, dataset, labels, "iub", "an integer"),
        ]
        faults += mistakes
        if not mistakes:
            plan.put(name, dataset, wanted.dataset(name), variables, wanted.labels)
    raise_all(faults)


def _put_cuts(plan: Plan, wanted: Wanted) -> None:
    """Add the cuts on what is read, and those on jets."""
    plan.jets = wanted.dataset(wanted.global_object)
    plan.jet_cuts = wanted.cuts.get(wanted.global_object, ())
    others = {name: cuts for name, cuts in wanted.cuts.items() if name != wanted.global_object and cuts}
    plan.cuts = {name: cuts for name, cuts in others.items() if name in plan.datasets}


def _missing_for_cuts(file: h5py.File, plan: Plan) -> Iterator[ConfigError]:
    """Say which columns cuts are on that a file does not have for each of its jets."""
    tables = [_table(file, path) for path in (plan.jets, *plan.datasets.values())]
    lengths = {len(table) for table in tables if table is not None}
    if plan.jet_cuts and len(lengths) > 1:
        yield ConfigError(
            f"the datasets of {_name(file)} have {' and '.join(map(str, sorted(lengths)))} rows, so that cuts on "
            f"{plan.jets!r} say nothing of the others",
            "data.selections",
        )
    places = [(plan.jets, plan.jet_cuts), *((plan.datasets[name], cuts) for name, cuts in plan.cuts.items())]
    for path, cuts in places:
        dataset = _table(file, path)
        if cuts and dataset is None:
            yield ConfigError(f"{_name(file)} has no structured dataset {path!r}", "data.selections")
        elif dataset is not None:
            for fault in _unusable(file, dataset, [cut.column for cut in cuts], "fiub", "a number"):
                yield ConfigError(fault.message, "data.selections")


def _unusable(
    file: h5py.File, dataset: h5py.Dataset, columns: Sequence[str], kinds: str, needed: str
) -> Iterator[ConfigError]:
    for column in columns:
        place = f"dataset {dataset.name!r} of {_name(file)}"
        if column not in dataset.dtype.names:
            hint = suggest(column, dataset.dtype.names)
            yield ConfigError(f"{place} has no variable {column!r}; {hint}")
        elif dataset.dtype[column].kind not in kinds:
            yield ConfigError(f"{column!r} in {place} is {dataset.dtype[column]}, which is not {needed}")


def _all_quantities(file: h5py.File, wanted: Wanted) -> Plan:
    """Plan to read every quantity of every dataset with as many rows as the longest one has."""
    plan = Plan()
    datasets = datasets_of(file)
    longest = max((len(item) for item in datasets.values() if _is_table(item)), default=0)
    for name, dataset in datasets.items():
        reason = _why_no_object(dataset, longest)
        if reason:
            plan.left_out[name] = reason
            continue
        labels = wanted.labels.get(name, ())
        reasons = {c: _why_no_variable(dataset, c, labels) for c in dataset.dtype.names if c != VALID}
        plan.left_out |= {f"{name}/{column}": reason for column, reason in reasons.items() if reason}
        variables = [column for column, reason in reasons.items() if not reason]
        plan.put(name, dataset, name, variables, wanted.labels)
    return plan


def _why_no_object(dataset: h5py.Dataset, longest: int) -> str:
    if dataset.dtype.names is None:
        return "it has no named fields"
    if not _is_table(dataset):
        return f"shape {dataset.shape} is neither one row per jet nor slots with a field {VALID!r}"
    if len(dataset) != longest:
        return f"it has {len(dataset)} rows, another dataset {longest}"
    return ""


def _why_no_variable(dataset: h5py.Dataset, column: str, labels: Sequence[str]) -> str:
    kind = dataset.dtype[column]
    if kind.kind not in "fiub":
        return f"{kind} is not a number"
    if column in labels or class_names(dataset, column) is not None:
        return "a label"
    if kind.kind != "f" and LABEL.search(column):
        return "a label by its name"
    if kind.kind != "f" and IDENTIFIER.search(column):
        return "an identifier by its name"
    return ""


def _may_have_classes(dataset: h5py.Dataset, column: str) -> bool:
    """Tell whether the classes of `column` are counted unasked: a label, but not an index or a number."""
    if dataset.dtype[column].kind not in "iub":
        return False
    if class_names(dataset, column) is not None:
        return True
    return LABEL.search(column) is not None and IDENTIFIER.search(column) is None


def _table(file: h5py.File, path: str) -> h5py.Dataset | None:
    item = file.get(path)
    return item if _is_table(item) else None


def _is_table(item: object) -> bool:
    """Tell whether `item` has one row per jet, or slots of constituents in a row, with named fields."""
    if not isinstance(item, h5py.Dataset) or item.dtype.names is None:
        return False
    return item.ndim == 1 or is_stream(item)


def _name(file: h5py.File) -> str:
    return shown(Path(file.filename))


def _differences(file: h5py.File, plan: Plan, first: Path) -> Iterator[SaltError]:
    """Say what `file` lacks of the plan that was made by the first file, or has differently."""
    lengths = {}
    for name, path in plan.datasets.items():
        dataset = _table(file, path)
        if dataset is None:
            yield ConfigError(f"{_name(file)} has no structured dataset {path!r}, unlike {shown(first)}")
            continue
        lengths[path] = len(dataset)
        lost = lost_sources(dataset)
        if lost:
            yield DataError(f"dataset {path!r} of {_name(file)} reads files that are gone: {', '.join(lost)}")
        for column, kind in plan.types[name].items():
            found = str(dataset.dtype[column]) if column in dataset.dtype.names else "missing"
            if found != kind:
                message = f"{path}/{column} is {found} in {_name(file)}, but {kind} in {shown(first)}"
                yield ConfigError(message)
        for column, label in plan.labels[name].items():
            names = class_names(dataset, column)
            if names != label.names:
                texts = [", ".join(n) if n else "no names" for n in (names, label.names)]
                yield ConfigError(
                    f"the classes of {path}/{column} are {texts[0]} in {_name(file)}, "
                    f"but {texts[1]} in {shown(first)}"
                )
    if len(set(lengths.values())) > 1:
        yield DataError(f"the datasets of {_name(file)} differ in length: {lengths}")
