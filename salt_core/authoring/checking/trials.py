"""Where a part stands in a small training, as a configuration on top of those that come with salt."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from salt_core.authoring.checking.demo import demo_facts
from salt_core.authoring.checking.trial import KEY, MODEL, Trial
from salt_core.config.paths import shipped_configs
from salt_core.config.yaml import load_yaml
from salt_core.errors import ConfigError
from salt_core.interfaces.encoder import Encoder
from salt_core.interfaces.loss import Loss, Target

#: Configurations of regressions, by the number of predictions that their losses ask for, and their task.
REGRESSIONS, REGRESSION = (
    {1: ("regression.yaml",), 2: ("regression.yaml", "regression_gaussian.yaml")},
    "jets_regression",
)

#: A column of the demo jets to regress.
TARGET = "truthJetPt"


def trial_of(
    kind: str, name: str, options: Mapping[str, Any], part: Any, where: str, target: Path | None
) -> Trial | None:
    """Return how a part is tried; None where no training on the demo jets can have it."""
    plugin = {"plugin": name, **options}
    told = f"{kind} {name}"
    if kind == "batch":
        return Trial(told, where, {}, ("submit", name, *_flags(options), "--dry_run", "--force"))
    if kind == "encoder":
        return Trial(told, where, {"model": {"encoder": plugin, "tasks": _tasks_for(part)}}, exports=True)
    if kind == "loss":
        tasks = _tasks_with(part, plugin)
        return None if tasks is None else Trial(told, where, {"model": {"tasks": tasks}})
    places: dict[str, dict[str, Any]] = {
        "task": {"model": {"tasks": {KEY: plugin}}},
        "optimizer": {"model": {"optimizer": plugin}},
        "augmentation": {"model": {"augmentations": {KEY: plugin}}},
        "dataloader": {"data": {"loader": plugin}},
        "staging": {"data": {"staging": plugin, "move_files_temp": str(target)}},
        "callback": {"trainer": {"callbacks": {KEY: plugin}}},
        "logger": {"trainer": {"logger": plugin}},
    }
    return Trial(told, where, places[kind], exports=kind == "task")


def _flags(options: Mapping[str, Any]) -> list[str]:
    return [word for key, value in options.items() for word in (f"--{key}", str(value))]


def _tasks_for(encoder: Encoder) -> dict[str, Any]:
    """Leave out the tasks on streams that an encoder does not give."""
    facts = demo_facts()
    encoded = copy.deepcopy(encoder).build(facts)
    tasks = load_yaml(shipped_configs()[MODEL])["model"]["tasks"]
    given = {facts.global_object, *encoded.streams}
    return {name: None for name, task in tasks.items() if task["input_name"] not in given}


def _tasks_with(loss: Loss, plugin: Mapping[str, Any]) -> dict[str, Any] | None:
    """Find a task whose target a loss compares with."""
    facts, tasks = demo_facts(), load_yaml(shipped_configs()[MODEL])["model"]["tasks"]
    if "classes" in loss.target_kinds:
        for name, task in tasks.items():
            names = task.get("class_names") or facts.class_names[task["input_name"]].get(task["label"], ())
            weights = facts.class_weights[task["input_name"]].get(task["label"])
            if names and _takes(loss, Target(name, tuple(names), weights, "classes")):
                return {name: {"loss": plugin}}
    if "flags" in loss.target_kinds:
        return {name: {"loss": plugin} for name, task in tasks.items() if "origin_label" in task}
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


def _regression(files: tuple[str, ...]) -> dict[str, Any]:
    return {key: v for file in files for key, v in _task_of(file).items()}


def _task_of(file: str) -> dict[str, Any]:
    task: dict[str, Any] = load_yaml(shipped_configs()[file])["model"]["tasks"][REGRESSION]
    return task
