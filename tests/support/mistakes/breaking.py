"""What breaks a sample, a dict or a checkpoint at one place."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
import torch
import yaml

from salt_core import DataFacts


def changed(sample, name: str, dataset: str, change: Callable[[np.ndarray], np.ndarray | None]) -> None:
    """Change one dataset of a sample's file, in place or by what `change` returns."""
    with h5py.File(sample.file(name), "r+") as file:
        rows, attributes = file[dataset][:], dict(file[dataset].attrs)
        new = change(rows)
        del file[dataset]
        file[dataset] = rows if new is None else new
        file[dataset].attrs.update(attributes)


def spoilt(name: str, dataset: str, field: str, row: Any, value: Any) -> Callable[..., None]:
    """Set one value of a file; of a stream, that of a valid constituent."""

    def change(rows):
        place = tuple(np.argwhere(rows["valid"])[row]) if rows.ndim > 1 else row
        rows[field][place] = value

    return lambda sample: changed(sample, name, dataset, change)


def without_field(rows: np.ndarray, field: str) -> np.ndarray:
    kept = [name for name in rows.dtype.names if name != field]
    new = np.empty(rows.shape, [(name, rows.dtype[name]) for name in kept])
    for name in kept:
        new[name] = rows[name]
    return new


def as_type(rows: np.ndarray, field: str, kind: Any, values: Any = None) -> np.ndarray:
    new = np.empty(rows.shape, [(n, kind if n == field else rows.dtype[n]) for n in rows.dtype.names])
    for name in rows.dtype.names:
        new[name] = values if name == field and values is not None else rows[name]
    return new


def norms(**change: Any) -> Callable[..., None]:
    """Change entries ``object__variable`` of the norm dict; None takes one away."""

    def prepare(sample):
        path = sample.folder / "norm_dict.yaml"
        content = yaml.safe_load(path.read_text())
        for key, value in change.items():
            name, _, variable = key.partition("__")
            if value is None:
                del content[name][variable]
            else:
                content[name][variable] = value
        path.write_text(yaml.safe_dump(content))

    return prepare


def text(name: str, content: str) -> Callable[..., None]:
    return lambda sample: (sample.folder / name).write_text(content)


def cut(sample) -> None:
    whole = sample.file("train").read_bytes()
    sample.file("train").write_bytes(whole[: len(whole) // 2])


def empty(sample) -> None:
    changed(sample, "train", "jets", lambda rows: rows[:0])
    changed(sample, "train", "tracks", lambda rows: rows[:0])


def copy_of_other_type(sample) -> None:
    shutil.copy(sample.file("train"), sample.file("other"))
    changed(sample, "other", "jets", lambda rows: as_type(rows, "pt", "f8"))


def checkpoint_of(weights: dict[str, torch.Tensor]) -> Callable[..., None]:
    """Write ``other.ckpt`` and ``part.ckpt``, checkpoints with these weights."""

    def prepare(sample):
        facts = DataFacts("jets", {"jets": ("pt",)}, {"jets": (0.0,)}, {"jets": (1.0,)}, {}, {}).to_plain()
        content = {
            "salt_config": "",
            "salt_facts": facts,
            "state_dict": weights,
            "epoch": 0,
            "global_step": 1,
        }
        for name in ("other", "part"):
            torch.save(content, sample.folder / f"{name}.ckpt")

    return prepare


PLUGIN = '''
from salt_core import Loss, hookimpl


class Broken(Loss):
    """Fails."""

    def __init__(self, how: str = "raise") -> None:
        super().__init__()
        self.how = how

    def forward(self, predictions, targets):
        """Fail as told."""
        if self.how == "raise":
            raise TypeError("no such sum")
        if self.how == "gradient":
            # Finite, but its slope at 0 is not.
            return (predictions.sum(-1) * 0).sqrt()
        return predictions.sum(-1) * float("nan")


@hookimpl
def salt_losses():
    return {"broken": Broken}
'''


def with_plugin(sample) -> None:
    (sample.folder / "broken.py").write_text(PLUGIN)
