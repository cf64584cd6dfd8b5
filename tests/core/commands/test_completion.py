"""What a shell is offered on TAB."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.shell_completion import BashComplete

from salt_core.cli import salt as group
from salt_core.commands.built_in import COMMANDS
from salt_core.commands.completion import VARIABLE
from salt_core.config.key_paths import flags, kind_at
from salt_core.config.paths import shipped_configs
from salt_core.config.schema import SECTIONS, RunOptions
from salt_core.kinds import KINDS
from salt_core.registry import Registry
from salt_core.registry.options import options_of
from salt_core.registry.slots import kind_of


def offered(*words: str) -> list[str]:
    """Complete the last word."""
    items = BashComplete(group, {}, "salt", VARIABLE).get_completions(list(words[:-1]), words[-1])
    return [item.value for item in items if item.type == "plain"]


def names(kind: str) -> list[str]:
    return Registry.discover().names(kind)


def test_commands_of_salt_and_of_plugins():
    assert offered("") == [*COMMANDS, *names("command")]
    assert offered("plu") == ["plugins"]
    assert offered("plugins", "") == ["list", "show", "check", "new"]


def test_plugins_by_kind():
    assert offered("plugins", "show", "") == [kind.name for kind in KINDS]
    assert offered("plugins", "show", "encoder", "") == names("encoder")
    assert offered("plugins", "show", "encoder", "gn") == ["gn2"]
    assert offered("plugins", "show", "nothing", "") == []
    assert offered("plugins", "list", "--kind", "tas") == ["task"]
    assert offered("plugins", "new", "charge", "--kind", "tas") == ["task"]
    assert offered("submit", "") == names("batch")
    assert offered("--no-plugin", "slurm", "submit", "--h") == ["--help"]


def test_options_of_a_plugin_for_batch_systems():
    assert offered("submit", "slurm", "--partit") == ["--partition"]


@pytest.mark.parametrize("command", ["fit", "check", "test", "validate"])
def test_flags_and_their_values(command):
    assert offered(command, "--model.enc") == ["--model.encoder"]
    assert offered(command, "--trainer.max_ep") == ["--trainer.max_epochs"]
    assert offered(command, "--data.num_t") == ["--data.num_train", "--data.num_test"]
    assert offered(command, "--config", "GN3.yaml", "--model.encoder", "") == names("encoder")
    assert offered(command, "--data.loader", "pa") == ["packed"]
    assert offered(command, "--compile", "") == ["true", "false", "graphs"]
    assert offered(command, "--force", "") == ["true", "false"]
    assert offered(command, "--data.batch_size", "") == []


@pytest.mark.parametrize(
    "words", [("fit", "--config"), ("fit", "--config", "="), ("submit", "slurm", "--config")]
)
def test_configurations_are_those_that_ship_and_files(words):
    items = BashComplete(group, {}, "salt", VARIABLE).get_completions(list(words), "GN2X")
    assert [(item.type, item.value) for item in items] == [("plain", "GN2X.yaml"), ("file", "GN2X")]
    assert offered(*words, "") == list(shipped_configs())


def test_flags_are_those_of_the_signatures():
    taken = {
        "--" + ".".join(filter(None, (section, option.name))): option.annotation
        for section, cls in {"": RunOptions, **SECTIONS}.items()
        for option in options_of(cls)
    }
    read = flags()
    assert list(read) == list(taken)
    slots = {flag: kind_of(annotation) for flag, annotation in taken.items()}
    expected = {flag: slot.kind for flag, slot in slots.items() if slot and slot.container == "one"}
    assert {flag: kind_at(text) for flag, text in read.items() if kind_at(text)} == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_says_where_it_goes(shell, salt):
    done = salt("completion", shell)
    first, rest = done.out.split("\n", 1)
    assert first.startswith("# To have it in every shell: ")
    assert f"salt completion {shell}" in first
    assert f"{VARIABLE}={shell}_complete" in rest


def test_a_shell_that_there_is_not(salt):
    assert salt("completion", "csh").code == 2


def test_nothing_is_said_while_a_shell_completes(salt, monkeypatch):
    monkeypatch.setenv(VARIABLE, "bash_complete")
    monkeypatch.setenv("SALT_BLOCK_PLUGINS", "no_plugin_at_all")
    monkeypatch.setenv("COMP_WORDS", "salt nonsense x")
    monkeypatch.setenv("COMP_CWORD", "2")
    done = salt()
    assert (done.code, done.out, done.err) == (1, "", "")


def test_bash_completes_without_torch_and_at_once():
    folder = Path(sys.executable).parent
    if not (folder / "salt").exists():
        pytest.skip("needs the command salt")
    script = (
        'eval "$(salt completion bash)"; COMP_WORDS=(salt plugins show encoder g); COMP_CWORD=4; '
        '_salt_completion salt; echo "${COMPREPLY[@]}"'
    )
    environment = os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    start = time.monotonic()
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, env=environment, check=False, timeout=60
    )
    assert (done.stdout, done.stderr) == ("gn2\n", "")
    assert time.monotonic() - start < 10
    code = (
        "import sys; sys.argv = ['salt']\ntry: from salt_core.cli import main; main()\n"
        "finally: print(sorted({'torch', 'lightning', 'numpy'} & set(sys.modules)))"
    )
    words = {"COMP_WORDS": "salt fit --model.encoder g", "COMP_CWORD": "3", VARIABLE: "bash_complete"}
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment | words, check=False
    )
    assert told.stdout == "plain,gn2\n[]\n"
