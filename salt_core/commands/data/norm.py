"""``salt data norm``: the norm dict and the class dict of a training sample."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from salt_core.config.layers import tree_of
from salt_core.config.paths import find_config
from salt_core.config.yaml import dump_yaml
from salt_core.data.cuts import Cut, cuts_of
from salt_core.data.files import files_named
from salt_core.data.plan import Wanted, plan_of
from salt_core.data.scaling import Dicts, make_dicts
from salt_core.errors import ConfigError, RunError
from salt_core.files import shown, whole_file

NORM_DICT = "norm_dict.yaml"
GLOBAL_OBJECT = "jets"
CLASS_DICT = "class_dict.yaml"


@click.command("norm")
@click.argument("files", nargs=-1, required=True)
@click.option("--out", required=True, metavar="DIR", type=click.Path(path_type=Path), help="Where to write.")
@click.option(
    "--config",
    "configs",
    multiple=True,
    metavar="YAML",
    help="Take its data.variables alone, of what passes its data.selections.",
)
@click.option("--variables", multiple=True, metavar="OBJECT/NAME", help="Take this variable; repeatable.")
@click.option(
    "--label", "labels", multiple=True, metavar="OBJECT/NAME", help="Weigh its classes; repeatable."
)
@click.option("--num_jets", type=click.IntRange(min=1), metavar="N", help="Read the first N jets alone.")
@click.option("--force", is_flag=True, help="Replace dicts that are there.")
def norm(
    files: tuple[str, ...],
    out: Path,
    configs: tuple[str, ...],
    variables: tuple[str, ...],
    labels: tuple[str, ...],
    num_jets: int | None,
    force: bool,
) -> None:
    """Make norm_dict.yaml and class_dict.yaml of FILES, which read as one sample.

    Means and standard deviations are those of all valid entries that are finite. Without --config or
    --variables they are made for every number that is not a label or an identifier by its name; labels with
    the classes 0 to C - 1 get class weights, N / (C * N of the class). Wildcards may be quoted.
    """
    check_folder(out, force)
    wanted = wanted_of(configs, variables, labels)
    paths = files_named(files, "FILES")
    plan = plan_of(paths, wanted)
    total = sum(plan.limited(num_jets)) * sum(plan.row_bytes.values())
    with tqdm(total=total, unit="B", unit_scale=True, disable=None, leave=False, delay=1) as bar:
        dicts = make_dicts(paths, plan, num_jets, bar.update)
    write_dicts(dicts, out)
    click.echo(summary(dicts, len(paths), out))


def wanted_of(configs: Sequence[str], variables: Sequence[str], labels: Sequence[str]) -> Wanted:
    """Understand what the flags name.

    Raises
    ------
    ConfigError
        Where a flag is not ``OBJECT/NAME`` or a configuration has no variables.
    """
    data = _configured(configs) if configs else {}
    by_object = _variables(data, configs) if configs else {}
    for name, names in _split(variables, "--variables").items():
        by_object[name] = [*by_object.get(name, ()), *names]
    picked = by_object if configs or variables else None
    return Wanted(
        picked,
        _split(labels, "--label"),
        _mapping(data, "input_map"),
        _cuts(data),
        str(data.get("global_object") or GLOBAL_OBJECT),
    )


def _cuts(data: Mapping[str, Any]) -> dict[str, tuple[Cut, ...]]:
    """Read data.selections."""
    found = {}
    for name, texts in _mapping(data, "selections").items():
        where = f"--config, data.selections.{name}"
        found[name] = cuts_of(_texts(texts, "conditions", where), where)
    return found


def _split(texts: Sequence[str], flag: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text in texts:
        name, _, column = text.strip("/").rpartition("/")
        if not name:
            raise ConfigError(f"{text!r} is not OBJECT/NAME, such as tracks/d0", flag)
        found.setdefault(name, []).append(column)
    return found


def _configured(configs: Sequence[str]) -> Mapping[str, Any]:
    """Return the section data of configurations."""
    data = tree_of([find_config(text) for text in configs]).get("data")
    return data if isinstance(data, Mapping) else {}


def _variables(data: Mapping[str, Any], configs: Sequence[str]) -> dict[str, list[str]]:
    """Return data.variables."""
    variables = _mapping(data, "variables")
    if not variables:
        raise ConfigError(
            "it has no data.variables; name some by --variables", f"--config {' '.join(configs)}"
        )
    return {
        name: _texts(names, "names", f"--config, data.variables.{name}") for name, names in variables.items()
    }


def _texts(value: Any, what: str, where: str) -> list[str]:
    """Check a list of texts, which nobody has checked yet."""
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise ConfigError(f"must be a list of {what}, got {value!r}", where)
    return value


def _mapping(data: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return a mapping below ``data`` without the objects that are set to null."""
    value = data.get(key) or {}
    if not isinstance(value, Mapping):
        raise ConfigError(f"must be a mapping of objects, got {value!r}", f"--config, data.{key}")
    return {str(name): item for name, item in value.items() if item is not None}


def check_folder(folder: Path, force: bool) -> None:
    """Raise where the dicts cannot be written to `folder`, or are there already."""
    there = [name for name in (NORM_DICT, CLASS_DICT) if (folder / name).exists()]
    if there and not force:
        message = (
            f"{folder} holds {' and '.join(there)} already; name another folder, or replace with --force"
        )
        raise ConfigError(message, "--out")
    holder = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not holder.is_dir() or not os.access(holder, os.W_OK):
        raise ConfigError(
            f"{folder} cannot be written: {holder} is not a folder that may be written", "--out"
        )


def write_dicts(dicts: Dicts, folder: Path) -> None:
    """Write both files whole, or none of them.

    Raises
    ------
    RunError
        Where the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with whole_file(folder / NORM_DICT) as norms, whole_file(folder / CLASS_DICT) as classes:
            norms.write_text(dump_yaml(dicts.norm_dict), encoding="utf-8")
            classes.write_text(dump_yaml(dicts.class_dict), encoding="utf-8")
    except OSError as error:
        raise RunError(f"{folder} cannot be written: {error.strerror}", "--out") from error


def summary(dicts: Dicts, num_files: int, folder: Path) -> str:
    """Tell what the dicts hold and what they do not."""
    lines = [f"{dicts.num_rows:,} jets of {num_files} file{'s' if num_files > 1 else ''}"]
    if dicts.num_passing < dicts.num_rows:
        lines[0] += f", of which {dicts.num_passing:,} pass data.selections"
    for name in dict.fromkeys([*dicts.norm_dict, *dicts.class_dict]):
        labels = dicts.class_dict.get(name, {})
        classes = ", ".join(f"{label} ({len(weights)} classes)" for label, weights in labels.items())
        number = len(dicts.norm_dict.get(name, {}))
        lines.append(f"  {name}: {number} variables" + (f"; class weights of {classes}" if labels else ""))
    lines += _listed("left out:", dicts.left_out)
    lines += _listed("not finite, and not counted:", dicts.not_finite)
    lines.append(f"wrote {shown(folder.absolute() / NORM_DICT)} and {CLASS_DICT}")
    return "\n".join(lines)


def _listed(title: str, reasons: Mapping[str, str]) -> list[str]:
    width = max(map(len, reasons), default=0)
    return [title, *(f"  {path:<{width}}  {reason}" for path, reason in reasons.items())] if reasons else []
