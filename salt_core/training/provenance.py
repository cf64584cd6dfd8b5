"""Where a run comes from: commits, versions, plugins and the command."""

from __future__ import annotations

import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import lightning
import torch

import salt_core
from salt_core.errors import ConfigError
from salt_core.registry import Provider


def git(folder: Path, *arguments: str) -> str | None:
    """Return what git says in `folder`; None where there is no git or no repository."""
    program = shutil.which("git")
    if program is None:
        return None
    done = subprocess.run(  # noqa: S603 - fixed program, arguments of ours
        [program, "-C", str(folder), *arguments], capture_output=True, text=True, check=False
    )
    return done.stdout.rstrip("\n") if done.returncode == 0 else None


def repositories(files: Iterable[Path]) -> dict[Path, list[Path]]:
    """Group the files that a run uses by the git repository that they lie in."""
    groups: dict[Path, list[Path]] = {}
    for file in files:
        top = git(file.parent, "rev-parse", "--show-toplevel")
        if top:
            groups.setdefault(Path(top), []).append(file)
    return groups


def uncommitted(repository: Path, used: Sequence[Path]) -> list[str]:
    """List tracked files with changes, and files among `used` that git neither tracks nor ignores."""
    changed = git(repository, "status", "--porcelain", "--untracked-files=no") or ""
    names = [line[3:] for line in changed.splitlines()]
    untracked = git(repository, "ls-files", "--others", "--exclude-standard", "--", *map(str, used)) or ""
    return names + untracked.splitlines()


def used_files(configs: Sequence[Path], plugins: Sequence[Path]) -> list[Path]:
    """List the files of the user's own that make a run what it is, and the code of an editable install."""
    own = Path(salt_core.__file__)
    return [*configs, *plugins, *([] if "site-packages" in own.parts else [own])]


def refuse_uncommitted(files: Sequence[Path]) -> None:
    """Raise a `ConfigError` that names uncommitted changes in any repository of `files`."""
    for repository, used in repositories(files).items():
        names = uncommitted(repository, used)
        if names:
            some = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
            raise ConfigError(
                f"uncommitted changes in {repository}: {some}. Commit them, so that the run can be made again, "
                "or give --force"
            )


def metadata(files: Sequence[Path], plugins: Sequence[Provider], seed: int | bool) -> dict[str, Any]:
    """Gather what ``metadata.yaml`` says of a run that starts now."""
    return {
        "command": " ".join(sys.argv),
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        "host": socket.gethostname(),
        "seed": seed,
        "versions": {
            "salt-hep": salt_core.__version__,
            "python": platform.python_version(),
            "torch": str(torch.__version__),
            "lightning": str(lightning.__version__),
        },
        "commits": {
            str(repository): {
                "commit": git(repository, "rev-parse", "HEAD"),
                "uncommitted": uncommitted(repository, used),
            }
            for repository, used in repositories(files).items()
        },
        "plugins": [
            {"kind": p.kind, "name": p.name, "distribution": p.distribution, "version": p.version}
            for p in plugins
        ],
    }
