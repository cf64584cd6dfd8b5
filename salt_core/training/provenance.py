"""Where a run comes from: commits, versions, plugins, data and the command."""

from __future__ import annotations

import logging
import platform
import shlex
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import h5py
import lightning
import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer

import salt_core
from salt_core.config.load import Loaded
from salt_core.config.schema import RunOptions
from salt_core.data.fingerprint import fingerprints
from salt_core.data.module import SaltDataModule
from salt_core.data.request import Sample
from salt_core.errors import ConfigError, raise_all
from salt_core.files import shown, whole_file
from salt_core.registry import Provider
from salt_core.training.repositories import Repository, Survey, has_git, shortened, survey
from salt_core.training.tags import FLAG, Tags, tags_for

log = logging.getLogger("salt.provenance")

DIFF_NAME = "uncommitted.diff"
#: Most of a repository's uncommitted changes that are saved beside ``metadata.yaml``.
DIFF_BYTES = 1_000_000
_INSTALLED = {"site-packages", "dist-packages"}


@dataclass(frozen=True)
class Sources:
    """The repositories of what a run is made of, as they were before it started.

    Parameters
    ----------
    repositories : tuple of Repository
        Those of configuration files, dicts, plugins and the code of an editable install.
    tags : Tags, optional
        Where the run is tagged.
    """

    repositories: tuple[Repository, ...] = ()
    tags: Tags | None = None

    def tag(self, name: str) -> None:
        """Publish the tag of a run; its directory is called `name`."""
        if self.tags:
            self.tags.publish(name, f"{name}\n\n{command_line()}")

    def describe(self, directory: Path) -> dict[str, Any]:
        """Say it in ``metadata.yaml``, and save uncommitted changes beside it."""
        told = {}
        for repository in self.repositories:
            facts = repository.describe()
            if repository.commit and repository.uncommitted:
                facts |= _save_diff(repository, directory)
            if self.tags and repository in self.tags.repositories:
                facts |= {"tag": directory.name, "tag_remote": self.tags.remote}
            told[str(repository.path)] = facts
        return told


def look_at_sources(loaded: Loaded, name: str) -> Sources:
    """Look at the repositories that a run comes from, and refuse what could not be found again.

    Parameters
    ----------
    loaded : Loaded
        The configuration.
    name : str
        Name of the run directory, as far as it is known.

    Raises
    ------
    ConfigError
        Where changes are not committed, unless ``--force`` is given, or ``--tag`` cannot be done.
    """
    run = loaded.resolved.run
    if not has_git():
        if run.tag:
            raise ConfigError("needs git, which is not installed", FLAG)
        log.warning("git is not installed: nothing tells which commit this run comes from")
        return Sources()
    found = survey(used_files(loaded))
    _say_outside(found, loaded.files)
    refuse_uncommitted(found, run.force)
    return Sources(found.repositories, _tags(run, loaded.files, found, name))


def refuse_uncommitted(found: Survey, force: bool = False) -> None:
    """Raise a `ConfigError` that names uncommitted changes; with `force`, only say them."""
    faults = [*found.faults]
    for repository in found.repositories:
        if repository.uncommitted:
            names = ", ".join(shortened(repository.uncommitted, 10))
            faults.append(ConfigError(f"uncommitted changes in {repository.path}: {names}"))
    if force:
        for fault in faults:
            log.warning("--force: %s", fault)
        return
    if faults:
        faults[-1] = ConfigError(
            f"{faults[-1]}. Commit them, so that the run can be made again, or give --force"
        )
    raise_all(faults)


def used_files(loaded: Loaded) -> list[Path]:
    """List the files of the user's own that make a run what it is, and the code of an editable install."""
    data = loaded.resolved.short["data"]
    dicts = [Path(data[key]) for key in ("norm_dict", "class_dict") if data.get(key)]
    own = [*loaded.files, *loaded.registry.local_files, *dicts]
    return [file for file in own if not _is_installed(file)] + code_files(loaded.resolved.plugins)


def code_files(plugins: Sequence[Provider]) -> list[Path]:
    """List the modules in use, of the core and of the packages of plugins, which are not installed by copying."""
    packages = {salt_core.__name__, *(plugin.path.partition(".")[0].partition(":")[0] for plugin in plugins)}
    modules = [module for name, module in list(sys.modules.items()) if name.partition(".")[0] in packages]
    paths = [Path(file) for module in modules if (file := getattr(module, "__file__", None))]
    return [path for path in paths if path.is_file() and not _is_installed(path)]


def command_line() -> str:
    """Return the command that this process was started with, quoted for a shell."""
    return shlex.join(sys.orig_argv)


def facts_of_start(
    sources: Sources, directory: Path, seed: int, plugins: Sequence[Provider]
) -> dict[str, Any]:
    """Gather what ``metadata.yaml`` says of a run that starts now, before what its trainer tells."""
    return {
        "command": command_line(),
        "folder": str(Path.cwd()),
        "host": socket.gethostname(),
        "seed": seed,
        "versions": versions(),
        "repositories": sources.describe(directory),
        "plugins": [
            {"kind": p.kind, "name": p.name, "distribution": p.distribution, "version": p.version}
            for p in plugins
        ],
    }


def facts_of_training(trainer: Trainer, module: LightningModule) -> dict[str, Any]:
    """Say what is trained, on which devices of this machine, and from which files."""
    data = trainer.datamodule  # type: ignore[attr-defined]
    assert isinstance(data, SaltDataModule)
    samples: tuple[Sample, ...] = ("train", "val")
    files = {f"{sample}_file": data.files(sample) for sample in samples}
    return {
        "parameters": sum(parameter.numel() for parameter in module.parameters()),
        "devices": devices(trainer),
        "nodes": trainer.num_nodes,
        "data": fingerprints(files, data.datasets[data.global_object]),
    }


def devices(trainer: Trainer) -> list[str]:
    """Name the devices of this machine that a training takes."""
    kind = trainer.strategy.root_device.type
    if kind == "cuda":
        return [torch.cuda.get_device_name(index) for index in trainer.device_ids]
    return [kind] * trainer.num_devices


def versions() -> dict[str, str | None]:
    """Return the versions that numbers may depend on; CUDA is None where PyTorch is built without."""
    return {
        "salt-hep": salt_core.__version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "lightning": str(lightning.__version__),
        "cuda": torch.version.cuda,
        "numpy": np.__version__,
        "h5py": h5py.__version__,
    }


def now() -> str:
    """Return the time with its zone, to the second."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _tags(run: RunOptions, configs: Sequence[Path], found: Survey, name: str) -> Tags | None:
    if run.tag and run.force:
        log.warning("--force: no tag is made, for a tag is to name all that a run comes from")
    if not run.tag or run.force:
        return None
    tops = {top.path for top in survey(file for file in configs if not _is_installed(file)).repositories}
    tags = tags_for([top for top in found.repositories if top.path in tops], run.tag_remote)
    tags.check(name)
    return tags


def _say_outside(found: Survey, configs: Sequence[Path]) -> None:
    names = {path.name: path for path in found.outside if path in {config.resolve() for config in configs}}
    if names:
        log.info(
            "%s: in no git repository, so no commit tells where this run comes from",
            ", ".join(shown(path) for path in names.values()),
        )


def _save_diff(repository: Repository, directory: Path) -> Mapping[str, Any]:
    """Save what is not committed, up to a limit, and return what to say of it."""
    text = repository.diff(DIFF_BYTES + 1)
    if not text:
        return {}
    number = 1
    while (path := directory / _diff_name(number)).exists():
        number += 1
    with whole_file(path) as temporary:
        temporary.write_bytes(text[:DIFF_BYTES])
    if len(text) <= DIFF_BYTES:
        return {"diff": path.name}
    log.warning("%s holds the first %d bytes of the uncommitted changes alone", shown(path), DIFF_BYTES)
    return {"diff": path.name, "diff_cut_at": DIFF_BYTES}


def _diff_name(number: int) -> str:
    return DIFF_NAME if number == 1 else DIFF_NAME.replace(".", f"-{number}.")


def _is_installed(file: Path) -> bool:
    """Tell whether a file was installed by copying; its distribution's version tells where it comes from."""
    return bool(_INSTALLED & set(file.parts))
