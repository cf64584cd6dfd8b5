"""How a job comes to the Python that has salt: this one, a conda environment's, or a container's."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from salt_core.errors import ConfigError

Where = Literal["local", "conda", "singularity"]

MODULE = ("-m", "salt_core")


@dataclass(frozen=True)
class Environment:
    """Where a job's Python is.

    Parameters
    ----------
    where : str
        ``local`` is the Python that this is run by, ``conda`` an environment's, ``singularity`` a
        container's.
    conda_env : str, optional
        Name or folder of the conda environment; by default ``conda`` in the current folder.
    container : str, optional
        The image.
    bind : sequence of str
        Folders that the container sees beside the current one, as singularity takes them.
    container_args : sequence of str
        Further arguments of singularity, quoted as for a shell.
    """

    where: Where = "local"
    conda_env: str | None = None
    container: str | None = None
    bind: Sequence[str] = ()
    container_args: Sequence[str] = ()

    def command(self, arguments: Sequence[str]) -> tuple[str, ...]:
        """Return the command that runs salt with `arguments`; it becomes the Python process in the end.

        Raises
        ------
        ConfigError
            Where there is no such environment or image, or its arguments cannot be read.
        """
        if self.where == "conda":
            return self._in_conda(arguments)
        if self.where == "singularity":
            return self._in_container(arguments)
        return (sys.executable, *MODULE, *arguments)

    def _in_conda(self, arguments: Sequence[str]) -> tuple[str, ...]:
        named = self.conda_env or "conda"
        folder = Path(named).absolute()
        if self.conda_env is None and not folder.is_dir():
            raise ConfigError(f"there is no environment in {folder}; name one", "--conda_env")
        target = str(folder) if folder.is_dir() else named
        # `conda run` would stand between the scheduler's signals and Python.
        script = (
            'eval "$(conda shell.bash hook)" && conda activate "$0" && exec python '
            + shlex.join(MODULE)
            + ' "$@"'
        )
        return ("bash", "-c", script, target, *arguments)

    def _in_container(self, arguments: Sequence[str]) -> tuple[str, ...]:
        if not self.container:
            raise ConfigError("give the image that has salt", "--container")
        binds = [word for place in self.bind for word in ("--bind", place)]
        start = ("singularity", "exec", "--nv", "--pwd", str(Path.cwd()))
        return (*start, *binds, *self._further(), self.container, "python", *MODULE, *arguments)

    def _further(self) -> list[str]:
        """Split the further arguments into words."""
        try:
            return [word for text in self.container_args for word in shlex.split(text)]
        except ValueError as error:
            message = f"{' '.join(self.container_args)!r} is not quoted as for a shell: {error}"
            raise ConfigError(message, "--container_args") from None
