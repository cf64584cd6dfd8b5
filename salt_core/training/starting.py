"""Starting from the weights of another training: which fit by name and shape, and what is said of the rest."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from salt_core.data.facts import DataFacts
from salt_core.data.normalise import Normaliser
from salt_core.errors import ConfigError
from salt_core.files import shown
from salt_core.interfaces.loss import Loss
from salt_core.training.checkpoints import checkpoint_at, facts_of, read_checkpoint

WHERE = "model.init_from"
MOST_NAMES = 6

log = logging.getLogger("salt.weights")


@dataclass(frozen=True)
class Match:
    """How the weights of a checkpoint go with those of a model.

    Parameters
    ----------
    taken : mapping of str to Tensor
        The checkpoint's weights that the model has, in the same shape.
    new : tuple of str
        Weights of the model alone, with their shapes.
    reshaped : tuple of str
        Weights of both, with the shapes that differ.
    left_out : tuple of str
        Weights of the checkpoint alone, with their shapes.
    """

    taken: Mapping[str, Tensor]
    new: tuple[str, ...]
    reshaped: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether each has all weights of the other."""
        return not (self.new or self.reshaped or self.left_out)

    def rest(self) -> Iterator[str]:
        """Say what was not taken, in a line for each reason."""
        for what, names in (
            ("new here, as they are initialised", self.new),
            ("of another shape there, as they are initialised", self.reshaped),
            ("only there, and left out", self.left_out),
        ):
            if names:
                more = f", and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
                yield f"{len(names)} {what}: {', '.join(names[:MOST_NAMES])}{more}"


def take_weights(model: nn.Module, facts: DataFacts, source: Path, strict: bool) -> None:
    """Give a model that is built the weights of a checkpoint, and say which.

    Normalisation and class weights are those of the configuration.

    Parameters
    ----------
    model : nn.Module
        The model.
    facts : DataFacts
        What it was built with.
    source : Path
        A checkpoint, or a run directory, whose best one is taken.
    strict : bool
        Whether each has to have all weights of the other.

    Raises
    ------
    ConfigError
        Where there is no such checkpoint, no weight fits, or not all do and `strict` asks for it.
    DataError
        Where the checkpoint is damaged.
    """
    path = checkpoint_at(source, WHERE)
    checkpoint = read_checkpoint(path, WHERE)
    match = match_weights(learned(model), checkpoint["state_dict"], follows_from_data(model))
    if not match.taken:
        raise ConfigError("; ".join([f"no weight of {path} fits the model", *match.rest()]), WHERE)
    if strict and not match.is_whole:
        message = f"the weights of {path} and of the model differ, and model.init_strict allows no difference"
        raise ConfigError("; ".join([message, *match.rest()]), WHERE)
    model.load_state_dict(dict(match.taken), strict=False)
    total = len(match.taken) + len(match.new) + len(match.reshaped)
    lines = [f"{len(match.taken)} of {total} weights are those of {shown(path)}", *match.rest()]
    log.info("%s", "\n  ".join(lines))
    for line in differences(facts_of(checkpoint), facts):
        log.warning("%s: %s", WHERE, line)


def learned(model: nn.Module) -> dict[str, Tensor]:
    """Return what a model has learned: its state without what follows from data and dicts."""
    given = follows_from_data(model)
    return {name: value for name, value in model.state_dict().items() if name not in given}


def follows_from_data(model: nn.Module) -> set[str]:
    """Name what is in a model's state, but not learned: the normalisation, and the class weights of losses."""
    return {
        f"{part}.{buffer}"
        for part, module in model.named_modules()
        if isinstance(module, Normaliser | Loss)
        for buffer, _ in module.named_buffers()
    }


def match_weights(own: Mapping[str, Tensor], other: Mapping[str, Any], skipped: set[str]) -> Match:
    """Compare the weights of a model with those of a checkpoint, by name and shape."""
    theirs = {
        name: value for name, value in other.items() if isinstance(value, Tensor) and name not in skipped
    }
    taken = {name: theirs[name] for name in own if name in theirs and _fits(theirs[name], own[name])}
    return Match(
        taken,
        new=tuple(_told(name, own[name]) for name in own if name not in theirs),
        reshaped=tuple(
            f"{_told(name, own[name])}, there {_shape(theirs[name])}"
            for name in own
            if name in theirs and name not in taken
        ),
        left_out=tuple(_told(name, theirs[name]) for name in theirs if name not in own),
    )


def differences(before: DataFacts, now: DataFacts) -> Iterator[str]:
    """Say what the weights have learned of the input that is otherwise now."""
    for name, variables in now.variables.items():
        known = before.variables.get(name)
        if known is not None and known != variables:
            yield f"the weights know {name} by {_list(known)}; data.variables has {_list(variables)}"
        elif known is not None and (before.means[name], before.stds[name]) != (
            now.means[name],
            now.stds[name],
        ):
            yield f"the weights know {name} by another normalisation than that of data.norm_dict"


def _fits(theirs: Tensor, own: Tensor) -> bool:
    return theirs.shape == own.shape and theirs.is_floating_point() == own.is_floating_point()


def _told(name: str, value: Tensor) -> str:
    return f"{name} {_shape(value)}"


def _shape(value: Tensor) -> str:
    return f"({', '.join(map(str, value.shape))})"


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)
