"""Parts of a model that are kept as they are while the rest is trained."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from salt_core.errors import ConfigError, raise_all, suggest

WHERE = "model.freeze"


def freeze(model: nn.Module, names: Sequence[str]) -> tuple[nn.Module, ...]:
    """Have parts of a model take no gradient.

    Parameters
    ----------
    model : nn.Module
        The model.
    names : sequence of str
        The parts: modules or single parameters by their dotted names, such as ``encoder``.

    Returns
    -------
    tuple of nn.Module
        The modules among the parts, whose dropout has to stay off.

    Raises
    ------
    ConfigError
        Where there is no such part, or nothing is left to train.
    """
    known = _parts(model)
    raise_all([_unknown(name, known) for name in names if name not in known])
    for name in names:
        known[name].requires_grad_(False)
    if names and not any(parameter.requires_grad for parameter in model.parameters()):
        raise ConfigError("every parameter is frozen, so nothing is left to train", WHERE)
    return tuple(part for name in names if isinstance(part := known[name], nn.Module))


def _parts(model: nn.Module) -> dict[str, nn.Module | nn.Parameter]:
    """Return everything with parameters, by name."""
    modules = {
        name: module
        for name, module in model.named_modules()
        if name and next(module.parameters(), None) is not None
    }
    return {**modules, **dict(model.named_parameters())}


def _unknown(name: str, known: dict[str, nn.Module | nn.Parameter]) -> ConfigError:
    """Offer what lies beside the part, rather than every weight of the model."""
    around = name.rpartition(".")[0]
    while around and around not in known:
        around = around.rpartition(".")[0]
    beside = [part for part in known if part.rpartition(".")[0] == around]
    return ConfigError(f"the model has no part {name!r}; {suggest(name, beside)}", WHERE)
