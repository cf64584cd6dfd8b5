"""Signatures and docstrings as schemas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from torch import nn

from salt_core.interfaces.loss import Loss
from salt_core.interfaces.task import Task
from salt_core.registry.options import options_of, type_text
from salt_plugins.encoders.gn2.encoder import GN2


class Documented:
    """A plugin.

    Parameters
    ----------
    size : int
        Size of the vectors,
        on two lines.
    loss : Loss
        How predictions are compared.
    low, high : float, optional
        The range.
    mode : str, optional
        One of two.

    Attributes
    ----------
    hidden : int
        Not an option.
    """

    def __init__(
        self,
        size: int,
        loss: Loss,
        low: float = 0.0,
        high: float = 1.0,
        *args: int,
        mode: Literal["fast", "slow"] = "fast",
        hidden: int | None = None,
        bare=(1, 2),
        **kwargs: Any,
    ) -> None:
        del size, loss, low, high, args, mode, hidden, bare, kwargs


def option_of(cls: type, name: str):
    (option,) = [option for option in options_of(cls) if option.name == name]
    return option


def test_options_stand_in_the_order_of_the_signature():
    names = [option.name for option in options_of(Documented)]
    assert names == ["size", "loss", "low", "high", "mode", "hidden", "bare"]


@pytest.mark.parametrize(
    ("name", "annotation", "text", "default", "required", "description"),
    [
        ("size", int, "int", None, True, "Size of the vectors, on two lines."),
        ("loss", Loss, "loss plugin", None, True, "How predictions are compared."),
        ("low", float, "float", 0.0, False, "The range."),
        ("high", float, "float", 1.0, False, "The range."),
        ("mode", Literal["fast", "slow"], "'fast' | 'slow'", "fast", False, "One of two."),
        ("hidden", int | None, "int | None", None, False, ""),
        ("bare", Any, "Any", (1, 2), False, ""),
    ],
)
def test_an_option(name, annotation, text, default, required, description):
    option = option_of(Documented, name)
    assert option.annotation == annotation
    assert (option.type_text, option.default, option.required) == (text, default, required)
    assert option.description == description


def test_a_class_without_init_takes_nothing():
    class Empty:
        pass

    assert options_of(Empty) == []
    assert options_of(type("EmptyModule", (nn.Module,), {})) == []


def test_an_inherited_init_and_its_words():
    class Child(Documented):
        """A child.

        Parameters
        ----------
        size : int
            The child's own word.
        """

    assert len(options_of(Child)) == 7
    assert option_of(Child, "size").description == "The child's own word."
    assert option_of(Child, "mode").description == "One of two."


def test_a_parameter_handed_on_is_explained_by_the_parent():
    class Head(Task):
        """A head."""

        def __init__(self, weight: float = 1.0) -> None:
            super().__init__(weight)

    assert option_of(Head, "weight").description == "Factor of this task's loss in the total."


def test_words_in_the_docstring_of_init():
    class Plugin:
        """A plugin."""

        def __init__(self, size: int = 1) -> None:
            """Make it.

            Parameters
            ----------
            size : int, optional
                From the method.
            """

    assert option_of(Plugin, "size").description == "From the method."


def test_google_docstrings_are_read_too():
    class Plugin:
        """A plugin.

        Args:
            size: Of the vectors.
        """

        def __init__(self, size: int = 1) -> None:
            del size

    assert option_of(Plugin, "size").description == "Of the vectors."


def test_a_docstring_in_numpys_style_may_have_chapters_of_another():
    class Plugin:
        """A plugin.

        Parameters
        ----------
        size
            Of the vectors.

        Note:
            One.

        Example:
            Another.
        """

        def __init__(self, size: int = 1) -> None:
            del size

    assert option_of(Plugin, "size").description == "Of the vectors."


def test_an_option_that_is_named_and_not_explained():
    class Plugin:
        """A plugin.

        Parameters
        ----------
        size : int
        low, high : float
            The range.

        Attributes
        ----------
        width : int
            Not an option.
        """

        def __init__(self, size: int, low: float, high: float, width: int) -> None:
            del size, low, high, width

    described = {option.name: option.description for option in options_of(Plugin)}
    assert described == {"size": "", "low": "The range.", "high": "The range.", "width": ""}


def test_a_note_to_an_annotation_is_left_out():
    class Plugin:
        def __init__(self, size: Annotated[int, "a note"], loss: dict[str, Annotated[Loss, 3]]) -> None:
            del size, loss

    size, loss = options_of(Plugin)
    assert (size.annotation, size.type_text) == (int, "int")
    assert (loss.annotation, loss.type_text) == (dict[str, Loss], "dict[str, loss plugin]")


def test_a_dataclass():
    @dataclass
    class Plugin:
        """A plugin."""

        size: int
        names: list[str] = field(default_factory=list)

    size, names = options_of(Plugin)
    assert (size.annotation, size.required) == (int, True)
    assert (names.annotation, names.required, names.default) == (list[str], False, [])


def test_an_annotation_that_cannot_be_resolved_spoils_no_other():
    class Plugin:
        def __init__(self, odd: Unknown, size: int = 1) -> None:  # noqa: F821
            del odd, size

    odd, size = options_of(Plugin)
    assert (odd.annotation, odd.type_text) == ("Unknown", "Unknown")
    assert size.annotation is int


def test_a_bundled_plugin_explains_each_of_its_options():
    options = options_of(GN2)
    assert {"init_nets", "num_layers", "embed_dim", "attention"} <= {option.name for option in options}
    assert [option.name for option in options if not option.description] == []


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (int, "int"),
        (None, "None"),
        (type(None), "None"),
        (Any, "Any"),
        ("Later", "Later"),
        (Path, "Path"),
        (int | None, "int | None"),
        (Literal["a", 1], "'a' | 1"),
        (list[int], "list[int]"),
        (tuple[int, ...], "tuple[int, ...]"),
        (dict[str, list[float] | None], "dict[str, list[float] | None]"),
        (dict[str, Task], "dict[str, task plugin]"),
        (Loss | None, "loss plugin | None"),
        (Callable[[int], str], "Callable[[int], str]"),
        (Callable[[int, Loss], str], "Callable[[int, loss plugin], str]"),
        (3, "3"),
    ],
)
def test_type_text(annotation, text):
    assert type_text(annotation) == text


@dataclass
class Inner:
    """Choices of a part.

    Parameters
    ----------
    size : int
        Of the part.
    """

    size: int = 1


@pytest.mark.parametrize(
    ("annotation", "inner"),
    [
        (Inner, Inner),
        (Inner | None, Inner),
        (dict[str, Inner], Inner),
        (dict[str, list[Inner] | None], Inner),
        (int, None),
        (Loss | None, None),
        (Literal["a"], None),
    ],
)
def test_the_options_of_a_value(annotation, inner):
    class Plugin:
        """A plugin."""

        def __init__(self, part) -> None:
            del part

    Plugin.__init__.__annotations__["part"] = annotation
    assert option_of(Plugin, "part").inner is inner


def test_a_bundled_plugin_explains_the_options_of_its_options():
    (nets,) = (option for option in options_of(GN2) if option.name == "init_nets")
    assert {option.name for option in options_of(nets.inner)} == {
        "hidden_layers",
        "activation",
        "attach_global",
        "pos_enc",
    }
    assert all(option.description for option in options_of(nets.inner))
