"""What a configuration may hold: three sections, each the options of a class, and the options of a run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch import Trainer

from salt_core.data.module import SaltDataModule
from salt_core.durations import seconds_of
from salt_core.errors import ConfigError
from salt_core.training.module import SaltModule

SECTIONS: dict[str, type] = {"model": SaltModule, "data": SaltDataModule, "trainer": Trainer}


@dataclass(frozen=True)
class RunOptions:
    """What concerns a run as a whole; these options stand at the top of a YAML file.

    Parameters
    ----------
    name : str
        Name of the model: the run directory and the columns of predictions begin with it.
    seed_everything : int or bool, optional
        Seed of initial weights and of the order of the jets; true draws one.
    plugins : list of Path, optional
        Python files with plugins of this project.
    compile : bool or "graphs", optional
        Whether layers and pairs are compiled; ``graphs`` has a GPU record the layers as CUDA graphs too, and
        pads the constituents of a batch to one of few numbers.
    matmul_precision : str, optional
        How precisely a training multiplies matrices of float32: ``high`` and ``medium`` let a GPU round their
        numbers to TF32 or bfloat16, which is faster.
    ckpt_path : Path, optional
        Checkpoint to go on from, or to evaluate; ``last`` is the newest intact one of the run.
    log_suffix : str, optional
        Ending of the run directory's name, in the place of the time.
    resume : bool, optional
        Whether to go on in the run directory that ``log_suffix`` names, from its newest intact checkpoint,
        where it holds one.
    time_limit : int or str, optional
        Time after which the training stops, with a checkpoint, to be resumed: seconds, or such as 11:30:00.
    force : bool, optional
        Whether to start in spite of uncommitted changes.
    tag : bool, optional
        Whether to tag the commit of the configuration files with the name of the run directory, and to push
        the tag.
    tag_remote : str, optional
        The remote that takes the tag; your own fork.
    """

    name: str
    seed_everything: int | bool = 42
    plugins: list[Path] = field(default_factory=list)
    compile: bool | Literal["graphs"] = False
    matmul_precision: Literal["highest", "high", "medium"] = "highest"
    ckpt_path: Path | None = None
    log_suffix: str | None = None
    resume: bool = False
    time_limit: int | str | None = None
    force: bool = False
    tag: bool = False
    tag_remote: str = "origin"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w.+-]+", self.name):
            raise ConfigError(f"{self.name!r} cannot name a folder; use letters, digits and _ . + -", "name")
        if self.resume and not self.log_suffix:
            raise ConfigError("give --log_suffix too, which names the run directory to go on in", "--resume")
        if self.resume and self.ckpt_path:
            raise ConfigError(
                "takes the newest checkpoint of the run directory; leave --ckpt_path out", "--resume"
            )
        if self.time_limit is not None:
            seconds_of(self.time_limit, "--time_limit")

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> RunOptions:
        """Make the options of plain YAML values."""
        paths = {"plugins": [Path(path) for path in plain["plugins"]]}
        checkpoint = {"ckpt_path": Path(plain["ckpt_path"]) if plain["ckpt_path"] else None}
        return cls(**{**plain, **paths, **checkpoint})


OF_ONE_CALL = ("ckpt_path", "log_suffix", "resume", "time_limit", "force", "tag", "tag_remote")
"""Options of a run that its saved configuration leaves out, since feeding it back is another call."""
