"""A class as users will read it: its docstring, and the parameters of its ``__init__``, which are the YAML keys."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from salt_core.authoring.checking.findings import Finding, place
from salt_core.config.values import fits, plain, takes_none
from salt_core.registry.options import Option, options_of
from salt_core.registry.slots import kind_of

#: Packages whose classes explain themselves, or leave it to those that extend them.
OTHERS = ("builtins", "torch", "lightning", "salt_core", "abc")


def look_at_class(cls: type) -> list[Finding]:
    """Say what users of a class would miss."""
    where = place_of(cls)
    found = []
    if not inspect.cleandoc(cls.__dict__.get("__doc__") or ""):
        message = "there is no docstring; its first line is what `salt plugins list` shows"
        found.append(Finding(where, cls.__name__, message))
    return [*found, *(Finding(where, part, message) for part, message in _faults_of_parameters(cls))]


def place_of(cls: object) -> str:
    """Return the file of a class, and its line."""
    try:
        return place(inspect.getsourcefile(cls), inspect.getsourcelines(cls)[1])  # type: ignore[arg-type]
    except (OSError, TypeError):
        return place(getattr(cls, "__module__", None))


def _faults_of_parameters(cls: type) -> Iterator[tuple[str, str]]:
    owner = next(base for base in cls.__mro__ if "__init__" in vars(base))
    if owner.__module__.partition(".")[0] in OTHERS:
        return
    init = inspect.unwrap(owner.__init__)  # type: ignore[misc]
    parameters = inspect.signature(init).parameters
    for name, parameter in list(parameters.items())[1:]:
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            stars = "**" if parameter.kind is parameter.VAR_KEYWORD else "*"
            yield f"{cls.__name__}({stars}{name})", "offers no option; write each parameter out"
    for option in options_of(cls):
        part = f"{cls.__name__}({option.name})"
        if parameters[option.name].annotation is inspect.Parameter.empty:
            yield part, "has no type; annotate it, for that is what a configuration is checked by"
        else:
            yield from ((part, fault) for fault in _faults_of(option))
        if not option.description:
            yield (
                part,
                'has no description; add it under "Parameters" of the class\'s docstring (NumPy style)',
            )


def _faults_of(option: Option) -> Iterator[str]:
    if isinstance(option.annotation, str):
        yield f"its type {option.annotation} is no name here; import it at run time, not for type checkers alone"
    elif not option.required and not _default_fits(option):
        said = " | None" if option.default is None else ""
        change = f"write {option.type_text}{said}" if said else "change one of them"
        yield f"its default {option.default!r} does not fit its type {option.type_text}; {change}"


def _default_fits(option: Option) -> bool:
    if option.default is None:
        return takes_none(option.annotation)
    if kind_of(option.annotation) or option.inner is not None:
        return True
    return fits(option.annotation, plain(option.default))
