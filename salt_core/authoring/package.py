"""A new package: its files as text, and writing them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from salt_core.authoring.names import Names
from salt_core.errors import ConfigError
from salt_core.files import whole_folder
from salt_core.version import PLUGIN_API, __version__

TEMPLATES = Path(__file__).parent / "templates"
SUFFIX = ".jinja"

#: How the demo is trained with a plugin that a configuration names.
TRAINING = "salt fit --config GN2.yaml --config demo.yaml --config train.yaml"


@dataclass(frozen=True)
class Package:
    """A package of one plugin, ready to be installed.

    Parameters
    ----------
    names : Names
        What its parts are called.
    """

    names: Names

    @property
    def use(self) -> str:
        """The command that uses the plugin."""
        others = {
            "batch": f"salt submit {self.names.name} --config GN2.yaml --config demo.yaml --dry-run",
            "command": f"salt {self.names.name} --help",
        }
        return others.get(self.names.kind, TRAINING)

    @property
    def commands(self) -> tuple[str, ...]:
        """What an author does with the package, in its folder."""
        return (
            "pip install --editable '.[test]'",
            "pytest",
            f"salt plugins show {self.names.kind} {self.names.name}",
            self.use,
        )

    def files(self) -> Mapping[str, str]:
        """Return the text of each file, by its path in the package's folder."""
        return dict(self._files())

    def _files(self) -> Iterator[tuple[str, str]]:
        names = self.names
        places = {
            "pyproject.toml": "pyproject.toml",
            "README.md": "README.md",
            "hook.py": f"{names.package}/__init__.py",
            f"{names.kind}/plugin.py": f"{names.package}/{names.module}.py",
            f"{names.kind}/test.py": f"tests/test_{'_'.join(names.words)}.py",
        }
        if (TEMPLATES / names.kind / f"train.yaml{SUFFIX}").is_file():
            places[f"{names.kind}/train.yaml"] = "train.yaml"
        for template, place in places.items():
            yield place, self._render(template)
        yield f"{names.package}/py.typed", ""

    def _render(self, template: str) -> str:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            undefined=StrictUndefined,
            autoescape=False,  # noqa: S701 - Python and YAML, no HTML
            keep_trailing_newline=True,
            trim_blocks=True,
        )
        return environment.get_template(template + SUFFIX).render(
            names=self.names,
            commands=self.commands,
            trains=self.use == TRAINING,
            api=".".join(map(str, PLUGIN_API)),
            version=__version__,
        )


def write(package: Package, folder: Path) -> Path:
    """Write a package into a new folder below `folder`, whole or not at all.

    Returns
    -------
    Path
        The package's folder.

    Raises
    ------
    ConfigError
        Where the package's folder is there already, or cannot be written.
    """
    path = folder / package.names.distribution
    if os.path.lexists(path):
        raise ConfigError(
            f"{path} is there already, and nothing was written; remove it or choose another place"
        )
    try:
        with whole_folder(path) as temporary:
            for name, text in package.files().items():
                file = temporary / name
                file.parent.mkdir(exist_ok=True)
                file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}", "--out") from error
    return path
