from __future__ import annotations

import pytest

from salt_core import ConfigError
from salt_plugins.commands.export.names import Output, check_names, outputs_of, renamed, with_sums

COLUMNS = {"jets": ["pb", "pc"], "tracks": ["pfake"]}


@pytest.fixture
def outputs() -> list[Output]:
    return outputs_of(COLUMNS, "GN2")


def test_the_model_comes_first():
    outputs = outputs_of({"jets": ["pb"], "tracks": ["pfake", "pb"]}, "GN2")
    assert [one.name for one in outputs] == ["GN2_jets_pb", "GN2_pfake", "GN2_tracks_pb"]
    assert [(one.object_name, one.column) for one in outputs] == [
        ("jets", "pb"),
        ("tracks", "pfake"),
        ("tracks", "pb"),
    ]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("X=1*GN2_pb+0.5*GN2_pc", {"pb": 1.0, "pc": 0.5}),
        ("X = GN2_pb - 2e-1 * GN2_pc", {"pb": 1.0, "pc": -0.2}),
        ("X=-GN2_pb", {"pb": -1.0}),
        ("X=GN2_pb+GN2_pb", {"pb": 2.0}),
    ],
)
def test_sums(outputs, text, terms):
    *before, added = with_sums(outputs, [text])
    assert before == outputs
    assert added == Output("X", "jets", terms=terms)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("X", "is not NAME="),
        ("X=", "is not NAME="),
        ("=GN2_pb", "is not NAME="),
        ("X=2", "is not NAME="),
        ("X=1.2.3*GN2_pb", "is not NAME="),
        ("X=1e999*GN2_pb", "is not NAME="),
        ("X=GN2_pb GN2_pc", "is not NAME="),
        ("X=GN2_pb*2", "is not NAME="),
        ("X=GN2_pd", "did you mean"),
        ("X=GN2_pb+GN2_pfake", "told of jets and of tracks"),
    ],
)
def test_what_is_no_sum(outputs, text, message):
    with pytest.raises(ConfigError, match=message) as caught:
        with_sums(outputs, [text])
    assert caught.value.where == "--combine"


def test_sums_and_columns_are_renamed(outputs):
    changed = renamed(with_sums(outputs, ["X=GN2_pb"]), ["GN2_pb=Y", "X=GN2_pb"])
    assert [one.name for one in changed] == ["Y", "GN2_pc", "GN2_pfake", "GN2_pb"]
    assert [one.column for one in changed] == ["pb", "pc", "pfake", ""]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("GN2_pb", "is not OLD=NEW"),
        ("GN2_pb=a b", "is not OLD=NEW"),
        ("=X", "is not OLD=NEW"),
        ("GN2_pd=X", "did you mean"),
        ("GN2_pb=GN2_pc", "two outputs would be called 'GN2_pc'"),
    ],
)
def test_what_is_no_renaming(outputs, text, message):
    with pytest.raises(ConfigError, match=message):
        renamed(outputs, [text])


def test_an_output_that_is_renamed_twice(outputs):
    with pytest.raises(ConfigError, match=r"--rename: 'GN2_pb' is to be called 'X' and 'Y'"):
        renamed(outputs, ["GN2_pb=X", "GN2_pb=Y"])


def test_a_sum_that_is_called_like_a_column(outputs):
    with pytest.raises(ConfigError, match="two outputs would be called 'GN2_pc'"):
        renamed(with_sums(outputs, ["GN2_pc=GN2_pb"]), [])


def test_names_that_are_taken(outputs):
    made = with_sums(outputs, ["n_tracks=GN2_pb"])
    check_names(made, {"jet_features"})
    with pytest.raises(ConfigError, match=r"--combine: 'n_tracks' is the name of an input"):
        check_names(made, {"n_tracks"})
    with pytest.raises(ConfigError, match=r"--rename: 'GN2_pc' is the name of an input"):
        check_names(made, {"GN2_pc"})
