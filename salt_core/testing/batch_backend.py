"""The contract of a batch backend."""

from __future__ import annotations

import copy
import inspect
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from salt_core.errors import ConfigError
from salt_core.interfaces.batch import BatchBackend, Job
from salt_core.testing.contract import Contract, require

COMMAND = (sys.executable, "-m", "salt_core", "fit")

#: A word that a shell would make something else of.
AWKWARD = """it's "my" $HOME; `run` *"""

VERBS = {"render": ("job",), "submit": ("job",), "status": ("identifier",), "cancel": ("identifier",)}


def check_batch_backend(backend: BatchBackend, shell: bool = True) -> None:
    """Check that a batch backend keeps its contract, without a scheduler: nothing is submitted.

    Parameters
    ----------
    backend : BatchBackend
        As ``__init__`` leaves it.
    shell : bool, optional
        Whether the command stands in a script of a shell, so that words have to be quoted for it.

    Raises
    ------
    Breach
        With every clause that is broken, and what was seen.
    """
    contract = Contract(backend)
    _check_class(contract, backend)
    with TemporaryDirectory() as folder:
        # A space, for folders have some; nothing may ask for a folder that is not made yet.
        job = _job(Path(folder).resolve() / "my jobs")
        with contract.clause("render gives the text of its files by name", needed=True):
            _require_files(backend.render(job), job)
        _check_pure(contract, backend, job)
        _check_command(contract, backend, job, shell)
    with contract.clause("arguments gives flags of salt fit, text by name, the same ones each time"):
        flags = backend.arguments()
        texts = [*flags, *flags.values()]
        require(all(isinstance(text, str) for text in texts), f"it gives {dict(flags)}")
        require(backend.arguments() == flags, "it gives others the second time")
    contract.conclude()


def _job(folder: Path) -> Job:
    return Job("tagger", (*COMMAND, "--name", AWKWARD, "--force"), folder, "tagger_1")


def _check_class(contract: Contract, backend: BatchBackend) -> None:
    with contract.clause("it has the verbs render, submit, status and cancel"):
        for verb, arguments in VERBS.items():
            found = tuple(inspect.signature(getattr(backend, verb)).parameters)
            require(
                found[:1] == arguments, f"{verb} takes {', '.join(found) or 'nothing'}, not {arguments[0]}"
            )
    with contract.clause("folder is the name of a folder in the current one"):
        path = Path(backend.folder)
        require(bool(backend.folder) and not path.is_absolute() and ".." not in path.parts, f"it is {path}")
    with contract.clause("short maps options of __init__ to short forms such as -p"):
        options = inspect.signature(type(backend)).parameters
        for option, form in backend.short.items():
            require(option in options, f"there is no option {option!r}; options: {', '.join(options)}")
            right = len(form) > 1 and form[0] == "-" and form[1:].isalnum()
            require(right, f"that of {option} is {form!r}")


def _require_files(files: object, job: Job) -> None:
    require(isinstance(files, Mapping) and bool(files), f"it gives {files!r}")
    assert isinstance(files, Mapping)
    for name, text in files.items():
        require(isinstance(text, str), f"{name} is a {type(text).__name__}")
        fits = name.startswith(job.stem) and "/" not in name
        require(fits, f"the name {name!r} does not begin with the job's stem, {job.stem!r}")


def _check_pure(contract: Contract, backend: BatchBackend, job: Job) -> None:
    with contract.clause("render is a pure function: the same job gives the same text"):
        first, second = (backend.render(copy.deepcopy(job)) for _ in range(2))
        differing = sorted(name for name in {*first, *second} if first.get(name) != second.get(name))
        require(not differing, f"{', '.join(differing)} is another text the second time")
    with contract.clause("render touches nothing"):
        found = sorted(path.name for path in job.folder.parent.iterdir())
        require(not found, f"it has made {', '.join(found)}")
    with contract.clause("another log is written for another job"):
        other = replace(job, stem="tagger_2")
        require(backend.render(other) != backend.render(job), "two jobs have the same files")


def _check_command(contract: Contract, backend: BatchBackend, job: Job, shell: bool) -> None:
    with contract.clause("the command's words arrive as they are, quoted for the shell"):
        _require_words(backend.render(job), job.command, shell)
    with contract.clause("an array is written with the words of each task, or refused with a ConfigError"):
        tasks = (("--seed_everything", "11"), ("--name", AWKWARD))
        array = _rendered(backend, replace(job, command=COMMAND, tasks=tasks))
        if array is not None:
            _require_words(array, [word for task in tasks for word in task], shell)
    text = "a job that is to be queued again is written otherwise, or refused with a ConfigError"
    with contract.clause(text):
        again = _rendered(backend, replace(job, requeue=True, max_restarts=7))
        require(again != backend.render(job), "requeue changes nothing")
    with contract.clause("the scheduler's own options are written, or refused with a ConfigError"):
        chosen = _rendered(backend, replace(job, options={"priority": "37"}))
        require(chosen is None or "37" in _text(chosen), "an option of the user is left out")


def _rendered(backend: BatchBackend, job: Job) -> Mapping[str, str] | None:
    try:
        return backend.render(job)
    except ConfigError:
        return None


def _require_words(files: Mapping[str, str], words: Sequence[str], shell: bool) -> None:
    found = _words(files) if shell else _text(files)
    for word in words:
        require(word in found, f"{word!r} is in no file as a word")


def _text(files: Mapping[str, str]) -> str:
    return "\n".join(files.values())


def _words(files: Mapping[str, str]) -> set[str]:
    """Split each line as a shell does, brackets and semicolons apart; one that does not close is left out."""
    found: set[str] = set()
    for line in _text(files).splitlines():
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        try:
            found.update(words)
        except ValueError:
            continue
    return found
