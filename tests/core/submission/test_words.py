"""The free words of ``salt submit``, and sweeps."""

from __future__ import annotations

import pytest

from salt_core.errors import ConfigError
from salt_core.submission.words import read_words, sweep


def test_words_go_where_their_first_part_says():
    words = ["slurm.dependency=afterok:1", "--config.trainer.max_epochs=1", "config.name=a=b", "--slurm.hold"]
    found = read_words([*words, "--", "--compile", "-f"], "slurm")
    assert found.scheduler == {"dependency": "afterok:1", "hold": None}
    assert found.fit == ("--trainer.max_epochs=1", "--name=a=b", "--compile", "-f")


def test_the_last_of_several_values_counts():
    found = read_words(["slurm.x=1", "config.a.b=1", "slurm.x=2", "config.a.b=2"], "slurm")
    assert (found.scheduler, found.fit) == ({"x": "2"}, ("--a.b=2",))


@pytest.mark.parametrize("word", ["condor.x=1", "x=1", "plain", "--partition", "config.x", ".x=1"])
def test_other_words_are_refused(word):
    with pytest.raises(ConfigError, match=r"slurm\.NAME=VALUE or config\.NAME=VALUE"):
        read_words([word], "slurm")


def test_a_sweep_is_every_combination():
    found = sweep(["config.a.b=1,2", "--config.c=[1,2],{x: 1, y: 2}"])
    assert found == [
        ("--a.b=1", "--c=[1,2]"),
        ("--a.b=1", "--c={x: 1, y: 2}"),
        ("--a.b=2", "--c=[1,2]"),
        ("--a.b=2", "--c={x: 1, y: 2}"),
    ]
    assert sweep([]) == []


@pytest.mark.parametrize("text", ["a.b=1,2", "config.a", "config.a=", "slurm.a=1,2"])
def test_a_sweep_over_nothing(text):
    with pytest.raises(ConfigError, match=r"--array: .*config\.KEY\.PATH=A,B,C"):
        sweep([text])
