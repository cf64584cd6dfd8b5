"""Parts made as a configuration makes them, and the contract of their kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jsonargparse import ArgumentParser

from salt_core.authoring.checking.demo import demo_facts, demo_values, missing_columns
from salt_core.authoring.checking.schema import place_of
from salt_core.config.resolver import resolve_part
from salt_core.errors import ConfigError, SaltError, refused
from salt_core.interfaces.dataloader import Dataloader
from salt_core.interfaces.staging import Staging
from salt_core.kinds import BY_NAME
from salt_core.registry import Registry
from salt_core.registry.options import options_of
from salt_core.testing import (
    check_augmentation,
    check_batch_backend,
    check_callback,
    check_dataloader,
    check_encoder,
    check_logger,
    check_loss,
    check_optimizer,
    check_staging,
    check_task,
)

#: The attribute of a class that gives options with which it can be tried.
EXAMPLE = "example"


@dataclass(frozen=True)
class Part:
    """A part that was made of options.

    Parameters
    ----------
    kind, name : str
        Its kind, and its name in YAML.
    options : mapping of str to object
        What it was made of, as YAML has them.
    made : object
        The part itself, not built.
    where : str
        File and line of its class.
    """

    kind: str
    name: str
    options: Mapping[str, Any]
    made: Any
    where: str

    @property
    def title(self) -> str:
        """What is told of it."""
        return f"{self.kind} {self.name}"


def options_for(cls: type, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that a part is tried with: those of its example, then those of the command line.

    Parameters
    ----------
    cls : type
        The class.
    name : str
        Its name in YAML.
    given : mapping of str to object
        Values of ``--option``, by ``option`` or ``name.option``.

    Raises
    ------
    ConfigError
        Where the example is no mapping.
    """
    example = getattr(cls, EXAMPLE, {})
    if not isinstance(example, Mapping):
        message = "it gives options to try the class with, as YAML has them: a mapping, such as {'size': 8}"
        raise ConfigError(f"is a {type(example).__name__}; {message}", f"{cls.__name__}.{EXAMPLE}")
    known = {option.name for option in options_of(cls)}
    options = dict(example)
    for key, value in given.items():
        first, _, rest = key.partition(".")
        if key in known:
            options[key] = given.get(f"{name}.{key}", value)
        elif first == name and rest in known:
            options[rest] = value
    return options


def lacking(cls: type, options: Mapping[str, Any]) -> list[str]:
    """Name the options that must be given and are not."""
    return [option.name for option in options_of(cls) if option.required and option.name not in options]


def make(kind: str, name: str, options: Mapping[str, Any], registry: Registry) -> Part:
    """Make a part of its options, as YAML has them.

    Parameters
    ----------
    kind, name : str
        Its kind, and its name in YAML.
    options : mapping of str to object
        Its options; what they leave out has its default.
    registry : Registry
        Where to look for it, and for the parts that are options of it.

    Raises
    ------
    ConfigError
        Where an option is wrong, or the part refuses them.
    """
    found = resolve_part(kind, {"plugin": name, **options}, registry)
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--part", type=BY_NAME[kind].base_class())
    with refused(name):
        made = parser.instantiate_classes(parser.parse_object({"part": found})).part
    return Part(kind, name, options, made, place_of(type(made)))


def staging_target(staging: Staging, folders: Sequence[Path]) -> Path:
    """Return the first of some folders that a staging method does not refuse; the first one where it refuses all.

    A method may copy to some file systems only, as into memory.
    """
    with TemporaryDirectory() as name:
        source = Path(name) / "jets.h5"
        source.write_bytes(b"jets")
        return next((folder for folder in folders if _takes(staging, source, folder)), folders[0])


def _takes(staging: Staging, source: Path, target: Path) -> bool:
    try:
        with staging.stage([source], target):
            return True
    except SaltError:
        return False
    except Exception:  # a mistake in the method, which the check of its contract tells
        return True


def check_contract(part: Part, folder: Path, target: Path | None = None) -> str:
    """Check a part against the contract of its kind.

    Parameters
    ----------
    part : Part
        As `make` makes it.
    folder : Path
        An empty folder.
    target : Path, optional
        Where a staging method is to copy to; a folder of its own by default.

    Returns
    -------
    str
        Why it was not checked, or not on values as the demo jets have; or empty.

    Raises
    ------
    Breach
        With the clauses that it breaks.
    """
    facts, made = demo_facts(), part.made
    match part.kind:
        case "task":
            check_task(made, demo_values(made.columns()), facts)
            missing = missing_columns(made.columns())
            return f"the demo jets have no {', '.join(missing)}" if missing else ""
        case "encoder":
            check_encoder(made, facts, demo_values(made.columns()))
        case "augmentation":
            check_augmentation(made, facts)
        case "dataloader" if type(made).contents is not Dataloader.contents:
            return "it reads files of its own; call salt_core.testing.check_dataloader with some, in a test"
        case "dataloader":
            check_dataloader(made, folder)
        case "staging":
            check_staging(made, folder, target)
        case "logger":
            check_logger(made, folder)
        case "loss":
            check_loss(made)
        case "optimizer":
            check_optimizer(made)
        case "batch":
            check_batch_backend(made)
        case "callback":
            check_callback(made)
    return ""
