"""A package of each kind, as ``salt plugins new`` writes it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from salt_core.authoring.names import Names
from salt_core.authoring.package import Package, write
from salt_core.kinds import KINDS


def names_of(kind: str) -> Names:
    return Names.of(kind, f"my-{kind}")


@pytest.fixture(scope="session")
def packages(tmp_path_factory) -> Mapping[str, Path]:
    """The folders, by kind; all of them lie in one."""
    folder = tmp_path_factory.mktemp("packages")
    return {kind.name: write(Package(names_of(kind.name)), folder) for kind in KINDS}


@pytest.fixture
def installed(packages, tmp_path, monkeypatch) -> Iterator[Mapping[str, Path]]:
    """The packages, with what pip would have left beside them."""
    monkeypatch.delenv("SALT_PLUGINS", raising=False)
    for kind, folder in packages.items():
        names = names_of(kind)
        info = tmp_path / f"{names.package}-0.1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {names.distribution}\nVersion: 0.1.0\n")
        (info / "entry_points.txt").write_text(f"[salt]\nmy_{kind} = {names.package}\n")
        monkeypatch.syspath_prepend(str(folder))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield packages
    for name in [name for name in sys.modules if name.startswith("salt_plugin_my_")]:
        del sys.modules[name]
