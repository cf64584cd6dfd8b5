"""Files, dicts and the sizes of the model; where one of them is wrong, the others are looked at all the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from salt_core.checks.report import Report, key_path
from salt_core.data.derived import ClassNames
from salt_core.data.facts import DataFacts
from salt_core.data.module import SaltDataModule
from salt_core.data.norms import Scale, class_weights
from salt_core.errors import SaltError, located
from salt_core.interfaces.encoder import Encoded
from salt_core.interfaces.task import Task
from salt_core.training.compiling import Compile, check_graphs
from salt_core.training.module import SaltModule
from salt_core.training.objects import Objects

Value = TypeVar("Value")


@dataclass(frozen=True)
class Built:
    """What could be built.

    Parameters
    ----------
    tasks : dict of str to Task
        The tasks that are ready.
    whole : bool
        Whether all of the model is.
    """

    tasks: dict[str, Task]
    whole: bool


def build(objects: Objects, seed: int, compiled: Compile, report: Report) -> Built:
    """Check the samples and dicts, and make the parameters."""
    module, data = objects.module, objects.data
    problems = len(report.problems)
    with report.collecting():
        check_graphs(compiled, objects.trainer)
    with report.collecting():
        data.build(module.columns(), module.inputs(), seed, module.check)
    with report.collecting():
        data.check_training()
    facts, knows_names, knows_weights = facts_in_part(data)
    if len(report.problems) == problems:
        with report.collecting():
            module.build(facts, compiled)
            return Built(module.heads, True)
    return _built_in_part(module, facts, knows_names, knows_weights, report)


def facts_in_part(data: SaltDataModule) -> tuple[DataFacts, bool, bool]:
    """Return what the data says, with blanks where it cannot be read.

    Returns
    -------
    facts : DataFacts
        The facts.
    knows_names, knows_weights : bool
        Whether names of classes and class weights are no blanks.
    """
    unscaled = ({name: (0.0,) * len(names) for name, names in data.variables.items()},) * 2
    means, ones = _or(data.normalisation, unscaled)
    stds = ones if ones is not unscaled[1] else {name: (1.0,) * len(names) for name, names in means.items()}
    no_names: ClassNames = {}
    no_weights: dict[str, dict[str, Scale]] = {}
    names = _or(data.class_names, no_names)
    weights = _or(lambda: class_weights(data.class_dict), no_weights)
    return data.facts_of(means, stds, names, weights), names is not no_names, weights is not no_weights


def _built_in_part(
    module: SaltModule, facts: DataFacts, knows_names: bool, knows_weights: bool, report: Report
) -> Built:
    """Build every task by itself; note what does not follow from what the data lacks."""
    try:
        with located("model.encoder"):
            encoded = module.encoder.build(facts)
    except SaltError as error:
        report.add(error)
        encoded = Encoded(1, dict.fromkeys(facts.streams, 1))
    tasks = {}
    for name, task in module.heads.items():
        try:
            with located(f"model.tasks.{name}"):
                task.build(encoded, facts)
            tasks[name] = task
        except SaltError as error:
            known = any(key_path(one) == ("model", "tasks", name) for one in report.problems)
            blank = not knows_names and "class_names" in str(error)
            unweighted = not knows_weights and "data.class_dict" in str(error)
            if not (known or blank or unweighted):
                report.add(error)
    with report.collecting():
        module.build_augmentations(facts)
    return Built(tasks, False)


def _or(read: Callable[[], Value], blank: Value) -> Value:
    """Return what `read` gives, or `blank` where it fails, which is noted elsewhere."""
    try:
        return read()
    except SaltError:
        return blank
