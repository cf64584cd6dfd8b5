"""A small training with a part in it, by ``salt`` itself: fit, resume, test and export."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from salt_core.authoring.checking.findings import Finding
from salt_core.authoring.checking.processes import last_line, salt
from salt_core.authoring.checking.trial import DEMO, KEY, MODEL, Trial
from salt_core.config.yaml import dump_yaml

#: Few jets, two epochs, and a checkpoint of each to go on from.
SHORT = {
    "--data.num_train": "400",
    "--data.num_val": "200",
    "--data.num_test": "200",
    "--trainer.max_epochs": "2",
    "--trainer.enable_progress_bar": "false",
    "--trainer.enable_model_summary": "false",
}
EVERY_EPOCH = {"--trainer.callbacks.checkpoint.save_top_k": "-1"}

#: The command that takes the configuration of a training.
SUBMIT = "submit"

#: What an export needs.
EXPORT = ("onnx", "onnxruntime", "onnxscript")

#: Columns of the metrics that a clock tells.
CLOCK = ("jets_per_s", "time/")


class Training:
    """Tries one part.

    Parameters
    ----------
    trial : Trial
        The part, and where it stands.
    environment : mapping of str to str
        Of the processes.
    folder : Path
        An empty folder.
    plugin_file : Path, optional
        The plugin file, where the part is of one.
    """

    def __init__(
        self, trial: Trial, environment: Mapping[str, str], folder: Path, plugin_file: Path | None = None
    ) -> None:
        self._trial = trial
        self._environment = {
            **environment,
            "SALT_CACHE_DIR": str(folder / "cache"),
            "SALT_STATE_DIR": str(folder / "state"),
        }
        self._folder = folder
        overlay = dict(trial.overlay)
        if plugin_file:
            overlay["plugins"] = [str(plugin_file)]
        (folder / "fast").mkdir(parents=True)
        self._config = folder / "part.yaml"
        self._config.write_text(dump_yaml(overlay))

    def findings(self, say: Callable[[str], None]) -> Iterator[Finding]:
        """Go through all steps, and yield what goes wrong; nothing is tried on a training that failed."""
        configs = [word for name in (MODEL, DEMO, str(self._config)) for word in ("--config", name)]
        if self._trial.words:
            words = [*self._trial.words, *(configs if self._trial.words[0] == SUBMIT else ())]
            yield from self._step(say, f"salt {words[0]}", *words)
            return
        fit = [
            "fit",
            *configs,
            "--name",
            KEY,
            "--log_suffix",
            "whole",
            "--force",
            *_flat(SHORT),
            *_flat(EVERY_EPOCH),
        ]
        failed = list(self._step(say, "salt fit", *fit))
        yield from failed
        if failed:
            return
        yield from self._resume(say)
        whole = ("--config", f"logs/{KEY}_whole/config.yaml")
        yield from self._step(say, "salt test", "test", *whole)
        if self._trial.exports and all(importlib.util.find_spec(name) for name in EXPORT):
            export = ("export", f"logs/{KEY}_whole", "--out", "model.onnx")
            yield from self._step(say, "salt export", *export)

    def _resume(self, say: Callable[[str], None]) -> Iterator[Finding]:
        """Go on from the first epoch's checkpoint, and compare with the training that ran through."""
        runs = [self._folder / "logs" / f"{KEY}_{suffix}" for suffix in ("whole", "resumed")]
        checkpoints = sorted((runs[0] / "ckpts").glob("epoch=*.ckpt"))
        if not checkpoints:
            yield self._finding("a training with it writes no checkpoint of its first epoch")
            return
        words = ("--config", str(runs[0] / "config.yaml"), "--ckpt_path", str(checkpoints[0]))
        failed = list(self._step(say, "resuming", "fit", *words, "--log_suffix", "resumed", "--force"))
        yield from failed
        if failed:
            return
        whole, resumed = (_last_losses(run / "metrics.csv") for run in runs)
        differing = [name for name, value in whole.items() if resumed.get(name) != value]
        if differing:
            name = differing[0]
            yield self._finding(
                f"a training that goes on from a checkpoint ends otherwise: {name} is {resumed.get(name)}, not "
                f"{whole[name]}; keep what changes in state_dict, and draw random numbers from torch alone"
            )

    def _step(self, say: Callable[[str], None], title: str, *words: str) -> Iterator[Finding]:
        say(f"{self._trial.part}: {title}")
        done = salt(words, self._environment, self._folder)
        if done.returncode:
            yield self._finding(f"{title} ends with exit code {done.returncode}: {_message(done.stderr)}")

    def _finding(self, message: str) -> Finding:
        return Finding(self._trial.where, self._trial.part, message)


def _flat(options: Mapping[str, str]) -> list[str]:
    return [word for option in options.items() for word in option]


def _message(text: str) -> str:
    """Find the error of a command in what it said."""
    _, mark, error = text.rpartition("\nerror: ") if "\nerror: " in text else text.rpartition("error: ")
    return " ".join(error.split()) if mark else last_line(text)


def _last_losses(path: Path) -> dict[str, str]:
    """Return the last value of each column but those of the clock."""
    with path.open() as file:
        rows = list(csv.DictReader(file))
    found: dict[str, str] = {}
    for row in rows:
        found.update(
            {name: value for name, value in row.items() if value and not any(word in name for word in CLOCK)}
        )
    return found
