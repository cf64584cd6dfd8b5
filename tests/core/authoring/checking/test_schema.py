"""Docstrings and parameters of a class, as users of it would read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pytest

from salt_core import Loss
from salt_core.authoring.checking.schema import look_at_class

if TYPE_CHECKING:
    from decimal import Decimal


class Undocumented(Loss):
    pass


class NoDescription(Loss):
    """A loss."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()


class NoType(Loss):
    """A loss.

    Parameters
    ----------
    scale : float
        Factor.
    """

    def __init__(self, scale=1.0) -> None:
        super().__init__()


class Keywords(Loss):
    """A loss."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__()


class Positional(Loss):
    """A loss."""

    def __init__(self, *sizes: int) -> None:
        super().__init__()


class Unresolved(Loss):
    """A loss.

    Parameters
    ----------
    scale : Decimal
        Factor.
    """

    def __init__(self, scale: Decimal) -> None:
        super().__init__()


class NoneForInt(Loss):
    """A loss.

    Parameters
    ----------
    size : int
        Size.
    """

    def __init__(self, size: int = None) -> None:  # noqa: RUF013 - the mistake
        super().__init__()


class TextForInt(Loss):
    """A loss.

    Parameters
    ----------
    size : int
        Size.
    """

    def __init__(self, size: int = "8") -> None:
        super().__init__()


class NoChoice(Loss):
    """A loss.

    Parameters
    ----------
    kind : str
        Kind.
    """

    def __init__(self, kind: Literal["mean", "sum"] = "max") -> None:
        super().__init__()


class Right(Loss):
    """A loss.

    Parameters
    ----------
    sizes : list of int, optional
        Sizes.
    betas : tuple of float
        Two numbers.
    inner : Loss, optional
        Another loss.
    kind : str
        Kind.
    eps : float
        A small number.
    """

    def __init__(
        self,
        sizes: list[int] | None = None,
        betas: tuple[float, float] = (0.9, 0.99),
        inner: Loss | None = None,
        kind: Literal["mean", "sum"] = "mean",
        eps: float = 1,
    ) -> None:
        super().__init__()


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (Undocumented, "Undocumented: there is no docstring"),
        (NoDescription, 'NoDescription(scale): has no description; add it under "Parameters"'),
        (NoType, "NoType(scale): has no type; annotate it"),
        (Keywords, "Keywords(**kwargs): offers no option; write each parameter out"),
        (Positional, "Positional(*sizes): offers no option; write each parameter out"),
        (Unresolved, "Unresolved(scale): its type Decimal is no name here; import it at run time"),
        (NoneForInt, "NoneForInt(size): its default None does not fit its type int; write int | None"),
        (TextForInt, "TextForInt(size): its default '8' does not fit its type int; change one of them"),
        (
            NoChoice,
            "NoChoice(kind): its default 'max' does not fit its type 'mean' | 'sum'; change one of them",
        ),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_a_mistake_is_told_with_its_line(cls, message):
    (finding,) = look_at_class(cls)
    assert message in str(finding)
    assert "test_schema.py:" in finding.where


def test_a_right_class_has_none():
    assert look_at_class(Right) == []
