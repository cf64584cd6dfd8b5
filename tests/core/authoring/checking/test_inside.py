"""The look from inside, in this process: each mistake that is planted in a package is told with its place."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from staging_plugin import staging_where

from salt_core.authoring.checking.findings import Finding
from salt_core.authoring.checking.inside import Look
from salt_core.authoring.checking.project import project_subject, stand_in
from salt_core.authoring.checking.request import Request

PARTS = '''"""Parts with mistakes."""

import click
from salt_core import BatchBackend, Loss, Task
from torch import nn


class Incomplete(Task):
    """Lacks its methods."""


class NoLoss(nn.Module):
    """Extends something else."""


class Doubled(Loss):
    """Twice what it should be.

    Parameters
    ----------
    scale : float
        Factor.
    """

    def __init__(self, scale=1.0, *, size: int = None, **kwargs) -> None:
        super().__init__()

    def forward(self, predictions, targets):
        return -(predictions.float() - targets).abs()


class Sure(Loss):
    """Refuses what its example gives."""

    example = {"scale": -1}

    def __init__(self, scale: float) -> None:
        """Take the scale.

        Parameters
        ----------
        scale : float
            Factor above 0.
        """
        super().__init__()
        if scale < 0:
            raise ValueError("no scale")

    def forward(self, predictions, targets):
        return predictions


class NoMapping(Sure):
    """Has an example that is none."""

    example = "scale"


class Needs(Loss):
    """Needs an option.

    Parameters
    ----------
    scale : float
        Factor.
    """

    target_kinds = ("values",)

    def __init__(self, scale: float) -> None:
        super().__init__()

    def forward(self, predictions, targets):
        return (predictions.float() - targets).abs()


class Unquoted(BatchBackend):
    """Writes words as they are."""

    def render(self, job):
        return {f"{job.stem}.sh": f"{job.log} {job.requeue} {job.options} {' '.join(job.command)}"}

    def submit(self, job):
        return "1"

    def status(self, identifier):
        return None

    def cancel(self, identifier):
        pass


@click.command("planted")
@click.option("--all")
def command(all):
    pass
'''

HOOK = "from salt_core import hookimpl\n\n\n@hookimpl\ndef {hook}():\n    return {offers}\n"
FILES = {
    "planted/parts.py": PARTS,
    "planted/broken.py": "import no_such_module\n",
    "planted/newer.py": "salt_api = '9.0'\nfrom salt_core import no_such_name\n",
    "planted/ended.py": "raise SystemExit('no licence')\n",
    "planted/misspelt.py": HOOK.format(hook="salt_task", offers={}),
    "planted/nothing.py": "",
    "planted/again.py": HOOK.format(hook="salt_losses", offers={"planted_needs": "planted.parts:Needs"}),
    "planted/targets.py": "from salt_core import hookimpl\n"
    + "".join(
        HOOK.format(hook=hook, offers=offers).partition("\n")[2]
        for hook, offers in {
            "salt_encoders": {"planted_lost": "planted.parts:Nowhere"},
            "salt_tasks": {
                "planted_incomplete": "planted.parts:Incomplete",
                "planted_away": "planted.away:Head",
            },
            "salt_losses": {
                "planted_no": "planted.parts:NoLoss",
                "planted_doubled": "planted.parts:Doubled",
                "planted_needs": "planted.parts:Needs",
                "planted_sure": "planted.parts:Sure",
                "planted_mapping": "planted.parts:NoMapping",
                "cross_entropy": "planted.parts:Doubled",
            },
            "salt_batch_backends": {"planted_batch": "planted.parts:Unquoted"},
            "salt_commands": {"planted": "planted.parts:command", "fit": "planted.parts:command"},
        }.items()
    ),
    "planted/__init__.py": "",
}
ENTRIES = ("broken", "newer", "ended", "misspelt", "nothing", "again", "targets")

#: What is told of the package above, besides file and line.
TOLD = {
    "a module that does not import": "entry point broken: its module does not import: ModuleNotFoundError:",
    "a module that ends the process": "entry point ended: its module does not import: SystemExit: no licence",
    "a newer plugin API": "entry point newer: it asks for plugin API 9.0, and this salt-hep has",
    "a misspelt hook": "salt_task: there is no hook 'salt_task': did you mean 'salt_tasks'",
    "no hook": "it offers no hook",
    "a target without its class": "encoder planted_lost: the encoder 'planted_lost' of salt-plugin-planted 0.3.0",
    "a target without its module": "task planted_away: the task 'planted_away' of salt-plugin-planted 0.3.0",
    "methods that are missing": "planted.parts:Incomplete does not define build, columns, forward, loss, outputs",
    "another base class": "planted.parts:NoLoss does not extend salt_core.interfaces.loss:Loss",
    "a parameter without type": "parts.py:16: Doubled(scale): has no type",
    "a parameter without description": "Doubled(size): has no description",
    "a default that does not fit": "Doubled(size): its default None does not fit its type int",
    "keywords": "Doubled(**kwargs): offers no option",
    "a broken contract": "Doubled: classes (target_kinds says by default that it takes all kinds)",
    "an example that is refused": "Sure: planted_sure: cannot be made with these options: ValueError: no scale",
    "an example that is no mapping": "NoMapping: NoMapping.example: is a str; it gives options",
    "a name of another package": "loss cross_entropy: is also offered by salt-hep",
    "a name that is offered twice": "loss planted_needs: is offered twice, by again and targets; rename one",
    "a command of salt's own": "command fit: salt itself has a command of this name",
    "words without quotes": "Unquoted: the command's words arrive as they are, quoted for the shell",
    "a command without help": "command planted: salt planted: a docstring says what it does: it has none",
    "an option without help": "command planted: salt planted: every option has a help: --all has none",
}

Answers = list[dict[str, Any]]


@pytest.fixture
def look(package, tmp_path, monkeypatch) -> Iterator[Callable[..., Answers]]:
    """Look at a package of files, and return all that is told."""
    monkeypatch.delenv("SALT_PLUGINS", raising=False)

    def run(files: dict[str, str], entries: dict[str, str], **more: object) -> Answers:
        subject = project_subject(package(files, entries))
        for root in (*subject.roots, stand_in(subject, tmp_path / "site")):
            monkeypatch.syspath_prepend(str(root))
        told: Answers = []
        folder = str(tmp_path / "trials")
        request = Request(
            subject.distribution, subject.version, subject.entries, subject.where, folder, **more
        )
        Look(request, told.append).all()
        return told

    yield run
    for name in [name for name in sys.modules if name.partition(".")[0] == "planted"]:
        del sys.modules[name]


def values(told: Answers, key: str) -> list[Any]:
    return [answer[key] for answer in told if key in answer]


def findings(told: Answers) -> list[str]:
    return [str(Finding(**finding)) for finding in values(told, "finding")]


def test_planted_mistakes_are_told_with_their_place(look):
    told = look(FILES, {name: f"planted.{name}" for name in ENTRIES})
    found = "\n".join(findings(told))
    assert [mistake for mistake, text in TOLD.items() if text not in found] == [], found
    assert "pyproject.toml: entry point broken: its module" in found
    needs = "--option planted_needs.scale=VALUE, or a class attribute `example`"
    assert values(told, "note") == [f"loss planted_needs, which needs options: {needs}"]
    (slow,) = values(told, "module")
    assert (slow["name"], slow["part"]) == ("planted.parts", "batch planted_batch")


OFFER = HOOK.format(hook="salt_losses", offers={"planted_needs": "planted.parts:Needs"})


def test_options_are_used_by_what_has_them(look, package):
    files = {"planted/__init__.py": OFFER, "planted/parts.py": PARTS}
    options = {"planted_needs.scale": 3.0, "other.scale": 2.0, "sacle": 1.0}
    told = look(files, {"planted": "planted"}, options=options)
    assert findings(told) == []
    (trial,) = values(told, "trial")
    assert trial["overlay"]["model"]["tasks"]["checked"]["loss"] == {"plugin": "planted_needs", "scale": 3.0}


STAGING = staging_where("'memory' in target.parts")


def test_a_staging_method_for_memory_is_tried_there(look, tmp_path):
    offer = HOOK.format(hook="salt_staging", offers={"planted_fast": "planted.staging:Fast"})
    files = {"planted/__init__.py": offer, "planted/staging.py": STAGING}
    memory = tmp_path / "memory"
    told = look(files, {"planted": "planted"}, memory=str(memory))
    assert findings(told) == []
    (trial,) = values(told, "trial")
    assert trial["overlay"]["data"]["move_files_temp"] == str(memory)
    assert list(memory.iterdir()) == []
