"""What is imported when: nothing heavy for help and listings, and no plugin by the core."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import salt_core

HEAVY = ("torch", "lightning", "numpy", "h5py", "scipy", "matplotlib", "jsonargparse")

COMMAND = f"""
import sys
from salt_core.cli import main
code = main(sys.argv[1:])
loaded = {set(HEAVY)} & set(sys.modules)
sys.exit(f"imports {{sorted(loaded)}}" if loaded else code)
"""


def run_and_look(*args: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "SALT_PLUGINS"}
    command = [sys.executable, "-c", COMMAND, *args]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--help",), "Usage: salt"),
        (("--version",), "salt "),
        (("plugins", "--help"), "Usage: salt plugins"),
        (("submit", "--help"), "slurm"),
        (("submit", "slurm", "--help"), "--gpus_per_node"),
        (("submit", "slurm", "--config", "GN2.yaml", "--dry-run"), "#SBATCH --nodes"),
        (("submit", "htcondor", "--config", "GN2.yaml", "--dry-run"), "executable"),
        (("jobs",), "no job was submitted from this folder"),
        (("data", "--help"), "inspect"),
        (("plugins", "list"), "gn2"),
        (("plugins", "list", "--json"), '"gn2"'),
        (("plugins", "list", "--kind", "task"), "classification"),
    ],
    ids=" ".join,
)
def test_help_and_listing_import_nothing_heavy(args, said):
    result = run_and_look(*args)
    assert (result.returncode, result.stderr) == (0, "")
    assert said in result.stdout


def test_a_new_package_is_written_without_anything_heavy(tmp_path):
    result = run_and_look("plugins", "new", "charge", "--kind", "task", "--out", str(tmp_path))
    assert (result.returncode, result.stderr) == (0, "")
    assert (tmp_path / "salt-plugin-charge" / "pyproject.toml").is_file()


def test_the_look_at_imports_sees_them():
    result = run_and_look("plugins", "show", "loss", "cross_entropy")
    assert "'torch'" in result.stderr
    assert result.returncode == 1


def test_a_plugin_author_s_import_is_light():
    code = "import sys; from salt_core import hookimpl, ConfigError; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert "salt_core" in loaded.split()
    assert set(HEAVY).isdisjoint(loaded.split())


def test_what_salt_core_exports_is_there():
    for name in salt_core.__all__:
        assert getattr(salt_core, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Encodr'"):
        _ = salt_core.Encodr


CORE = Path(salt_core.__file__).parent


@pytest.mark.parametrize("file", sorted(CORE.rglob("*.py")), ids=lambda file: str(file.relative_to(CORE)))
def test_the_core_imports_and_names_no_plugin(file):
    assert _plugins_named(file.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "import salt_plugins",
        "import salt_plugins.losses as losses",
        "from salt_plugins.losses import cross_entropy",
        "name = 'salt_plugins.losses:X'",
        "name = f'salt_plugins.{kind}'",
    ],
)
def test_the_look_at_the_core_sees_plugins(source):
    assert _plugins_named(source) != []


def _plugins_named(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append(node.module or "")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
    return [name for name in found if name.startswith("salt_plugins")]
