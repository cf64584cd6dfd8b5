"""Where a part stands in a small training, as a configuration on top of those that come with salt."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from salt_core.authoring.checking.demo import demo_facts
from salt_core.authoring.checking.parts import Part
from salt_core.authoring.checking.trial import KEY, MODEL, Trial
from salt_core.config.paths import shipped_configs
from salt_core.config.yaml import load_yaml
from salt_core.errors import ConfigError
from salt_core.interfaces.encoder import Encoder
from salt_core.interfaces.loss import Loss, Target

#: The task of the configurations of regressions, and these, by the predictions that a loss asks for.
REGRESSION = "jets_regression"
REGRESSIONS = {1: ("regression.yaml",), 2: ("regression.yaml", "regression_gaussian.yaml")}

#: A column of the demo jets to regress.
TARGET = "truthJetPt"

#: Kinds that are in an exported model.
EXPORTED = ("encoder", "task")


def trial_of(part: Part, target: Path | None) -> Trial | None:
    """Return how a part is tried.

    Parameters
    ----------
    part : Part
        The part, not built; it stays so.
    target : Path or None
        Where a staging method copies to.

    Returns
    -------
    Trial or None
        None where no training on the demo jets can have it.
    """
    if part.kind == "batch":
        words = ("submit", part.name, *_flags(part.options), "--dry-run", "--force")
        return Trial(part.title, part.where, words=words)
    overlay = _overlay(part, target)
    if overlay is None:
        return None
    return Trial(part.title, part.where, overlay, exports=part.kind in EXPORTED)


def _overlay(part: Part, target: Path | None) -> dict[str, Any] | None:
    """Write what puts a part into the model's configuration."""
    plugin = {"plugin": part.name, **part.options}
    match part.kind:
        case "encoder":
            return {"model": {"encoder": plugin, "tasks": _tasks_for(part.made)}}
        case "loss":
            tasks = _tasks_with(part.made, plugin)
            return None if tasks is None else {"model": {"tasks": tasks}}
        case "staging":
            return {"data": {"staging": plugin, "move_files_temp": str(target)}}
    places: dict[str, dict[str, Any]] = {
        "task": {"model": {"tasks": {KEY: plugin}}},
        "optimizer": {"model": {"optimizer": plugin}},
        "augmentation": {"model": {"augmentations": {KEY: plugin}}},
        "dataloader": {"data": {"loader": plugin}},
        "callback": {"trainer": {"callbacks": {KEY: plugin}}},
        "logger": {"trainer": {"logger": plugin}},
    }
    return places[part.kind]


def _flags(options: Mapping[str, Any]) -> list[str]:
    """Write options as `salt submit` takes them: one that is true stands alone."""
    words = []
    for key, value in options.items():
        if value is True:
            words.append(f"--{key}")
        elif value is not None and value is not False:
            words += [f"--{key}", str(value)]
    return words


def _tasks_for(encoder: Encoder) -> dict[str, Any]:
    """Leave out the tasks on streams that an encoder does not give."""
    facts = demo_facts()
    encoded = copy.deepcopy(encoder).build(facts)
    tasks = load_yaml(shipped_configs()[MODEL])["model"]["tasks"]
    given = {facts.global_object, *encoded.streams}
    return {name: None for name, task in tasks.items() if task["input_name"] not in given}


def _tasks_with(loss: Loss, plugin: Mapping[str, Any]) -> dict[str, Any] | None:
    """Find a task whose target a loss compares with; None where there is none."""
    facts, tasks = demo_facts(), load_yaml(shipped_configs()[MODEL])["model"]["tasks"]
    if "classes" in loss.target_kinds:
        for name, task in tasks.items():
            names = task.get("class_names") or facts.class_names[task["input_name"]].get(task["label"], ())
            weights = facts.class_weights[task["input_name"]].get(task["label"])
            if names and _takes(loss, Target(name, tuple(names), weights, "classes")):
                return {name: {"loss": plugin}}
    if "flags" in loss.target_kinds:
        return {name: {"loss": plugin} for name, task in tasks.items() if "origin_label" in task}
    if "values" not in loss.target_kinds:
        return None
    size = copy.deepcopy(loss).prepare(Target(f"jets/{TARGET}", kind="values"))
    if size not in REGRESSIONS:
        return None
    task = _regression(REGRESSIONS[size])
    return {**dict.fromkeys(tasks), KEY: {**task, "targets": TARGET, "loss": plugin}}


def _takes(loss: Loss, target: Target) -> bool:
    try:
        copy.deepcopy(loss).prepare(target)
    except ConfigError:
        return False
    return True


def _regression(files: Sequence[str]) -> dict[str, Any]:
    """Return the task that several configurations make together, the last one on top."""
    task: dict[str, Any] = {}
    for file in files:
        task |= load_yaml(shipped_configs()[file])["model"]["tasks"][REGRESSION]
    return task
