"""How the options of all commands are written."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from salt_core.cli import salt as group
from salt_core.registry.blocking import FLAG


def commands_of(command: click.Command, context: click.Context) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from commands_of(found, click.Context(found, info_name=name, parent=context))


def test_options_have_underscores():
    seen = [
        option.opts[0]
        for command in commands_of(group, click.Context(group, info_name="salt"))
        for option in command.params
        if isinstance(option, click.Option)
    ]
    assert "--num_jets" in seen
    assert [name for name in seen if "-" in name.removeprefix("--").removeprefix("-")] == [FLAG]


@pytest.mark.parametrize(
    ("words", "flag", "value"),
    [
        (("explain", "run"), "--num_jets", "0"),
        (("export", "run"), "--num_jets", "0"),
        (("report", "."), "--working_points", "70"),
        (("data", "norm"), "--num_jets", "few"),
        (("import",), "--config_only", "none.yaml"),
        (("submit", "slurm", "--config", "GN2.yaml"), "--max_restarts", "0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_hyphens_do_as_well(salt, words, flag, value):
    done = salt(*words, flag, value)
    assert done.code == 2
    assert "no such option" not in done.err.lower()
    hyphens = "--" + flag.removeprefix("--").replace("_", "-")
    for other in ((hyphens, value), (f"{hyphens}={value}",)):
        assert salt(*words, *other) == done


def test_flags_that_are_handed_on_stay_as_they_are(sample, salt):
    done = salt("submit", "slurm", "--config", sample.config, "--dry-run", "--data.test-file", "a-b.h5")
    assert "--data.test-file" in done.out + done.err
    assert "--data.test_file" not in done.out
