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

#: Few jets, two epochs, a checkpoint of each to go on from, and no picture, which takes as long as an epoch.
SHORT = {
    "--data.num_train": "400",
    "--data.num_val": "200",
    "--data.num_test": "200",
    "--trainer.max_epochs": "2",
    "--trainer.enable_progress_bar": "false",
    "--trainer.enable_model_summary": "false",
    "--trainer.callbacks.checkpoint.save_top_k": "-1",
    "--trainer.callbacks.loss_curves": "null",
}

#: What the folders of the two trainings end with.
WHOLE, RESUMED = "whole", "resumed"

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
        folder.mkdir(parents=True)
        config = folder / "part.yaml"
        config.write_text(dump_yaml(overlay))
        self._configs = [word for name in (MODEL, DEMO, str(config)) for word in ("--config", name)]

    def findings(self, say: Callable[[str], None]) -> Iterator[Finding]:
        """Go through all steps, and yield what goes wrong; nothing is tried on a training that failed."""
        steps = self._call(say) if self._trial.words else self._train(say)
        yield from filter(None, steps)

    def _call(self, say: Callable[[str], None]) -> Iterator[Finding | None]:
        command, *words = self._trial.words
        yield self._step(
            say, f"salt {command}", command, *words, *(self._configs if command == SUBMIT else ())
        )

    def _train(self, say: Callable[[str], None]) -> Iterator[Finding | None]:
        options = _flat({"--name": KEY, "--log_suffix": WHOLE, **SHORT})
        failed = self._step(say, "salt fit", "fit", *self._configs, *options, "--force")
        yield failed
        if failed:
            return
        yield self._resume(say)
        yield self._step(say, "salt test", "test", "--config", str(self._run(WHOLE) / "config.yaml"))
        if self._trial.exports and all(importlib.util.find_spec(name) for name in EXPORT):
            yield self._step(say, "salt export", "export", str(self._run(WHOLE)), "--out", "model.onnx")

    def _resume(self, say: Callable[[str], None]) -> Finding | None:
        """Go on from the first epoch's checkpoint, and compare with the training that ran through."""
        checkpoints = sorted(self._run(WHOLE).rglob("epoch=*.ckpt"))
        if not checkpoints:
            return self._finding("a training with it writes no checkpoint of its first epoch")
        config = str(self._run(WHOLE) / "config.yaml")
        options = {"--config": config, "--ckpt_path": str(checkpoints[0]), "--log_suffix": RESUMED}
        failed = self._step(say, "resuming", "fit", *_flat(options), "--force")
        if failed:
            return failed
        whole, resumed = (_last_values(self._run(suffix) / "metrics.csv") for suffix in (WHOLE, RESUMED))
        name = next((name for name, value in whole.items() if resumed.get(name) != value), None)
        if name is None:
            return None
        return self._finding(
            f"a training that goes on from a checkpoint ends otherwise: {name} is {resumed.get(name)}, not "
            f"{whole[name]}; keep what changes in state_dict, and draw random numbers from torch alone"
        )

    def _run(self, suffix: str) -> Path:
        """Return the folder of a run."""
        return self._folder / "logs" / f"{KEY}_{suffix}"

    def _step(self, say: Callable[[str], None], title: str, *words: str) -> Finding | None:
        say(f"{self._trial.part}: {title}")
        done = salt(words, self._environment, self._folder)
        if not done.returncode:
            return None
        return self._finding(f"{title} ends with exit code {done.returncode}: {_message(done.stderr)}")

    def _finding(self, message: str) -> Finding:
        return Finding(self._trial.where, self._trial.part, message)


def _flat(options: Mapping[str, str]) -> list[str]:
    return [word for option in options.items() for word in option]


def _message(text: str) -> str:
    """Find the error of a command in what it said."""
    _, mark, error = text.rpartition("\nerror: ") if "\nerror: " in text else text.rpartition("error: ")
    return " ".join(error.split()) if mark else last_line(text)


def _last_values(path: Path) -> dict[str, str]:
    """Return the last value of each column of metrics but those of the clock."""
    found: dict[str, str] = {}
    with path.open() as file:
        for row in csv.DictReader(file):
            found |= {name: value for name, value in row.items() if value}
    return {name: value for name, value in found.items() if not any(word in name for word in CLOCK)}
