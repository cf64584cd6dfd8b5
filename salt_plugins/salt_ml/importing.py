"""From a checkpoint of salt-ml to a run directory of ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from salt_core.config.layers import file_layer
from salt_core.config.load import BASE
from salt_core.config.merge import Layer, merge
from salt_core.config.paths import shipped_configs
from salt_core.config.resolver import Resolved, resolve
from salt_core.config.yaml import dump_yaml
from salt_core.data.facts import DataFacts
from salt_core.data.module import SaltDataModule
from salt_core.data.norms import class_weights, normalisation
from salt_core.errors import ConfigError, DataError, SaltError
from salt_core.files import whole_folder, write_whole
from salt_core.registry import Registry
from salt_core.training import archive
from salt_core.training.checkpoints import CONFIG_KEY, FACTS_KEY, FOLDER
from salt_core.training.module import SaltModule
from salt_core.training.objects import instantiate_parts
from salt_core.training.provenance import command_line, now, versions
from salt_core.training.run import LOGS, saved_form
from salt_core.training.run_files import CONFIG_NAME, METADATA_NAME
from salt_plugins.salt_ml.translation import Translation
from salt_plugins.salt_ml.weights import adapted, load_weights

Weights = dict[str, Tensor]
Dict = dict[str, dict[str, Any]]

#: Before the names of the model's parameters, and in those of a compiled one.
OF_MODEL, COMPILED = "model.", "_orig_mod."


@dataclass(frozen=True)
class OldCheckpoint:
    """A checkpoint of salt-ml.

    Parameters
    ----------
    path : Path
        Where it lies.
    weights : dict of str to Tensor
        The model's parameters by salt-ml's names.
    norms : dict of str to Tensor
        The normalisation that it was trained with, such as ``jets_means``; empty where it has none.
    facts : mapping
        Epoch, step and Lightning's version.
    """

    path: Path
    weights: Weights
    norms: Weights
    facts: Mapping[str, Any]


def read_old(path: Path) -> OldCheckpoint:
    """Read a checkpoint of salt-ml without running code from it: tensors and plain values alone.

    Raises
    ------
    ConfigError
        Where there is none, or it is not salt-ml's.
    DataError
        Where it holds anything else, or is damaged.
    """
    if not path.is_file():
        raise ConfigError(f"there is no checkpoint {path}", "CKPT")
    content = archive.load(path, "CKPT")
    state = content.get("state_dict") if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ConfigError(f"{path} is no checkpoint of salt-ml: it has no weights", "CKPT")
    if CONFIG_KEY in content:
        raise ConfigError(f"{path} is a checkpoint of this salt; use it as it is", "CKPT")
    named = {key.replace(COMPILED, ""): value for key, value in state.items()}
    facts = {
        key: content[key] for key in ("epoch", "global_step", "pytorch-lightning_version") if key in content
    }
    return OldCheckpoint(path, _below(named, OF_MODEL), _below(named, "norm."), facts)


def _below(state: Weights, prefix: str) -> Weights:
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def resolved_of(config: Mapping[str, Any], label: str, folder: Path) -> Resolved:
    """Check a translated configuration and complete it."""
    merged = merge([file_layer(shipped_configs()[BASE]), Layer(config, label, folder)])
    return resolve(merged, Registry.discover())


def import_run(
    old: OldCheckpoint,
    translation: Translation,
    out: Path,
    norm_dict: Path | None = None,
    origin: Mapping[str, Any] | None = None,
) -> None:
    """Write a run directory.

    Parameters
    ----------
    old : OldCheckpoint
        The checkpoint.
    translation : Translation
        The configuration that it was trained with.
    out : Path
        The directory.
    norm_dict : Path, optional
        The normalisation; by default the checkpoint's own, or else that of the configuration.
    origin : mapping, optional
        What else ``metadata.yaml`` says of where the training comes from.

    Raises
    ------
    ConfigError
        Where the directory is there, or the weights do not fit the configuration.
    """
    if out.exists():
        raise ConfigError(f"{out} is there already; name another directory", "--out")
    norms = _norms(old, translation, norm_dict)
    weights_of_classes = _class_dict(old, translation)
    data = {**translation.config["data"], "norm_dict": str(out / "norm_dict.yaml")}
    data["class_dict"] = str(out / "class_dict.yaml") if weights_of_classes else None
    resolved = resolved_of({**translation.config, "data": data}, "the translated configuration", Path.cwd())
    config = saved_form(resolved, resolved.run.seed_everything, Path.cwd() / LOGS)
    module = _module(resolved, old, translation, norms, weights_of_classes)
    told = {
        "imported": now(),
        "command": command_line(),
        "versions": versions(),
        "parameters": sum(parameter.numel() for parameter in module.parameters()),
        "origin": {"checkpoint": str(old.path), **old.facts, **(origin or {})},
        "left_out": list(translation.left_out),
    }
    with whole_folder(out) as folder:
        write_whole(folder / "norm_dict.yaml", dump_yaml(norms))
        if weights_of_classes:
            write_whole(folder / "class_dict.yaml", dump_yaml(weights_of_classes))
        write_whole(folder / CONFIG_NAME, dump_yaml(config))
        write_whole(folder / METADATA_NAME, dump_yaml(told))
        archive.save(_content(module, old, config), folder / FOLDER / old.path.name)


def _content(module: SaltModule, old: OldCheckpoint, config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "state_dict": module.state_dict(),
        "epoch": int(old.facts.get("epoch", 0)),
        "global_step": int(old.facts.get("global_step", 0)),
        CONFIG_KEY: dump_yaml(config),
        FACTS_KEY: module.facts.to_plain(),
    }


def _module(
    resolved: Resolved, old: OldCheckpoint, translation: Translation, norms: Dict, weights_of_classes: Dict
) -> SaltModule:
    """Build the model and give it the weights."""
    module, data = instantiate_parts(resolved)
    data.build(module.columns(), module.inputs(), 0, module.check)

    def scales(key: str) -> dict[str, tuple[float, ...]]:
        return {
            name: tuple(norms[name][variable][key] for variable in names)
            for name, names in data.variables.items()
        }

    weights = {
        name: {label: tuple(values) for label, values in labels.items()}
        for name, labels in weights_of_classes.items()
    }
    facts = DataFacts(
        data.global_object, data.variables, scales("mean"), scales("std"), _names(data), weights
    )
    with torch.random.fork_rng(devices=()):
        module.build(facts)
    given = {
        _loss_weight(number): torch.tensor(weights_of_classes[input_name][label])
        for number, input_name, label in _with_class_dict(translation)
    }
    state = adapted(given | old.weights, translation.encoder, translation.tasks)
    load_weights(module, state, translation.encoder.streams, [task.name for task in translation.tasks])
    return module


def _names(data: SaltDataModule) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Return the classes that the training file names; it may be gone, then the tasks have to name them."""
    try:
        return data.class_names()
    except SaltError:
        return {}


def _norms(old: OldCheckpoint, translation: Translation, norm_dict: Path | None) -> Dict:
    """Return mean and standard deviation of each variable."""
    data = translation.config["data"]
    variables = data["variables"]
    if norm_dict is None and old.norms:
        return {name: _own_norms(old, name, names) for name, names in variables.items() if names}
    path = norm_dict or Path(data["norm_dict"]) if data.get("norm_dict") else norm_dict
    if path is None:
        raise ConfigError(
            "neither checkpoint nor configuration have the normalisation; name a file", "--norm_dict"
        )
    datasets = {name: (data.get("input_map") or {}).get(name, name) for name in variables}
    means, stds = normalisation(path, variables, datasets)
    return {
        name: {
            variable: {"mean": mean, "std": std}
            for variable, mean, std in zip(names, means[name], stds[name], strict=True)
        }
        for name, names in variables.items()
        if names
    }


def _own_norms(old: OldCheckpoint, name: str, variables: list[str]) -> dict[str, dict[str, float]]:
    """Return those of one object as the checkpoint has them."""
    found = [old.norms.get(f"{name}_{key}") for key in ("means", "stds")]
    for values in found:
        if values is None or values.shape != (len(variables),):
            size = "none" if values is None else f"{tuple(values.shape)}"
            raise ConfigError(
                f"the checkpoint has a normalisation of {name} for {size} of its {len(variables)} variables; "
                "is it of this configuration? --norm_dict gives another one",
                f"data.variables.{name}",
            )
    means, stds = (values.tolist() for values in found if values is not None)
    for variable, std in zip(variables, stds, strict=True):
        if not std > 0:
            raise DataError(f"the standard deviation in the checkpoint is {std}", f"{name}/{variable}")
    return {
        variable: {"mean": mean, "std": std}
        for variable, mean, std in zip(variables, means, stds, strict=True)
    }


def _class_dict(old: OldCheckpoint, translation: Translation) -> Dict:
    """Return the weights of the classes of those labels whose loss takes them from the class dict.

    They are the checkpoint's own, or else those of the file that the configuration names.
    """
    named = translation.config["data"].get("class_dict")
    found: Dict = {}
    for number, input_name, label in _with_class_dict(translation):
        own = old.weights.get(_loss_weight(number))
        if own is None:
            in_file = class_weights(Path(named)) if named else {}
            values = list(in_file.get(input_name, {}).get(label, ()))
        else:
            values = own.tolist()
        if not values:
            raise ConfigError(
                f"neither the checkpoint nor {named or 'a file'} has the class weights of {input_name}/{label}",
                "data.class_dict",
            )
        found.setdefault(input_name, {})[label] = values
    return found


def _with_class_dict(translation: Translation) -> Iterator[tuple[int, str, str]]:
    """Yield number, object and label of each task whose loss takes its weights from the class dict."""
    for number, task in enumerate(translation.tasks):
        if task.has_class_dict:
            yield number, task.config["input_name"], task.config["label"]


def _loss_weight(number: int) -> str:
    return f"tasks.{number}.loss.weight"
