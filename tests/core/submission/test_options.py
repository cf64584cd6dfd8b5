from __future__ import annotations

from typing import Literal

import click
import pytest
from click.testing import CliRunner

from salt_core.submission.options import click_options


class Backend:
    """A backend.

    Parameters
    ----------
    queue : str
        Where jobs wait.
    cpus : int, optional
        Cores.
    size : str, optional
        How large.
    same_node : bool, optional
        Whether all is on one node.
    keep_log : bool, optional
        Whether the log stays.
    """

    def __init__(
        self,
        queue: str,
        cpus: int | None = None,
        size: Literal["small", "large"] = "small",
        same_node: bool = False,
        keep_log: bool = True,
    ) -> None:
        pass


def given(*words: str) -> dict[str, object] | str:
    found: dict[str, object] = {}
    command = click.Command("to", params=list(click_options(Backend, {"queue": "-q"})), callback=found.update)
    result = CliRunner().invoke(command, words)
    return found if result.exit_code == 0 else result.output


def test_what_is_not_given_has_its_default():
    assert given("-q", "short") == {
        "queue": "short",
        "cpus": None,
        "size": "small",
        "same_node": False,
        "keep_log": True,
    }


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        (["--cpus", "4"], "cpus", 4),
        (["--size", "large"], "size", "large"),
        (["--same_node"], "same_node", True),
        (["--same-node"], "same_node", True),
        (["--no_keep_log"], None, "No such option"),
        (["--no-keep_log"], "keep_log", False),
        (["--no-keep-log"], "keep_log", False),
        (["--keep-log"], "keep_log", True),
        (["--cpus", "many"], None, "'many' is not a valid integer"),
        (["--size", "huge"], None, "'huge' is not one of 'small', 'large'"),
    ],
)
def test_options_are_typed_and_spelt_with_underscores_or_dashes(words, name, value):
    found = given("--queue", "short", *words)
    if name is None:
        assert value in found
    else:
        assert found[name] == value


def test_help_tells_how_to_turn_off_what_is_on_by_default():
    told = CliRunner().invoke(click.Command("to", params=list(click_options(Backend, {}))), ["--help"]).output
    assert "--keep_log, --keep-log / --no-keep_log, --no-keep-log" in told
    assert "--no-same" not in told


def test_what_has_no_default_has_to_be_given():
    assert "Missing option '--queue' / '-q'" in given()
