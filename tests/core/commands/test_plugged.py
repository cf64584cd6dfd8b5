"""Commands that plugins offer, beside those of salt."""

from __future__ import annotations

import subprocess
import sys

import pytest

COMMAND = '''
import click
import torch

@click.command()
@click.option("--loud", is_flag=True)
def greet(loud):
    """Greet whoever asks."""
    click.echo("HELLO" if loud else "hello")
    return 7

number = 3
'''


def hook(**offers: str) -> str:
    return f"from salt_core import hookimpl\n@hookimpl\ndef salt_commands():\n    return {offers!r}\n"


@pytest.fixture
def offering(tmp_path, monkeypatch):
    """Offer commands from files of the project."""
    paths = []

    def offer(file: str, text: str) -> None:
        paths.append(tmp_path / file)
        paths[-1].write_text(text)
        monkeypatch.setenv("SALT_PLUGINS", ":".join(map(str, paths)))

    (tmp_path / "greeting_command.py").write_text(COMMAND)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    yield offer
    sys.modules.pop("greeting_command", None)


def test_a_command_is_called_with_its_options_and_its_exit_code(offering, salt):
    offering("one.py", hook(greet="greeting_command:greet"))
    done = salt("greet", "--loud")
    assert (done.code, done.out) == (7, "HELLO\n")


def test_help_tells_the_command_and_imports_neither_it_nor_torch(offering):
    offering("one.py", hook(greet="greeting_command:greet"))
    code = (
        "import sys; from salt_core.cli import main; main(['--help']);"
        "print('loaded', sorted({'torch', 'greeting_command'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "Greet whoever asks." in told
    assert told.rstrip().endswith("loaded []")


def test_an_own_command_looks_for_no_plugin(monkeypatch, salt):
    def refuse(local=()):
        raise AssertionError

    monkeypatch.setattr("salt_core.commands.plugged.Registry.discover", refuse)
    assert salt("data", "--help").code == 0


def test_two_plugins_with_one_command_are_told_and_neither_is_called(offering, salt):
    offering("one.py", hook(greet="greeting_command:greet"))
    offering("two.py", hook(greet="greeting_command:number"))
    assert "keeponeofthem)" in "".join(salt("--help").out.split())
    done = salt("greet")
    assert done.code == 2
    assert "one.py" in done.err
    assert "two.py" in done.err


def test_a_command_of_salt_itself_goes_first_and_the_listing_says_so(offering, salt):
    offering("one.py", hook(jobs="greeting_command:greet"))
    assert "greet" not in salt("jobs", "--help").out.lower()
    (row,) = [
        line for line in salt("plugins", "list", "--kind", "command").out.splitlines() if "jobs" in line
    ]
    assert row.endswith("conflict")


def test_what_is_no_command_is_told(offering, salt):
    offering("one.py", hook(number="greeting_command:number", gone="greeting_command:gone"))
    assert "is no click:Command but a int" in salt("number").err
    assert salt("gone").code == 2
    (row,) = [
        line for line in salt("plugins", "list", "--kind", "command").out.splitlines() if " gone " in line
    ]
    assert row.endswith("broken")


def test_a_wrong_name_suggests_commands_of_plugins_and_tells_broken_ones(offering, salt):
    offering("one.py", hook(greet="greeting_command:greet"))
    offering("two.py", "raise RuntimeError('no luck')")
    done = salt("gret")
    assert done.code == 2
    assert "did you mean 'greet'" in done.err
    assert "no luck" in done.err
