"""What a training says of how far it is, in a terminal and in the log of a batch job."""

from __future__ import annotations

import re
import sys

import pytest
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.trainer.connectors.logger_connector import result

from salt_core.training import progress
from salt_core.training.progress import LiveLine, LogLines, losses_told, progress_for

LOSSES = ["loss", "flavour_loss", "origin_loss", "vertexing_loss"]
SHOWN = ("--trainer.enable_progress_bar", "true")
NO_RATE = ("--trainer.callbacks.throughput", "null")


def test_the_losses_of_tasks_stand_between_those_of_all():
    metrics = {
        "val/loss": 3.0,
        "train/jets_per_s": 9.0,
        "train/b_loss": 1.0,
        "train/loss": 2.0,
        "val/b_loss": 4,
    }
    assert list(losses_told(metrics).items()) == [("loss", 2.0), ("b_loss", 1.0), ("val/loss", 3.0)]


def test_a_line_now_and_then_stands_in_a_log(sample, salt):
    done = salt(
        "fit", "--config", sample.config, "-f", "--log_suffix", "a", *SHOWN, "--trainer.max_epochs", 2
    )
    assert done.code == 0, done.err
    assert "\r" not in done.out + done.err
    # Of 5 steps in each of 2 epochs, the first step's line, and each epoch's.
    lines = [line for line in done.err.splitlines() if line.startswith("epoch ")]
    assert [line.split(":")[0] for line in lines] == [
        "epoch 1 of 2, step 1 of 5",
        "epoch 1 of 2, done",
        "epoch 2 of 2, done",
    ]
    for line in lines:
        assert re.findall(r"(\w+) [\d.]+", line.split(": ")[1].split(", val/loss")[0])[:4] == LOSSES
    assert all(re.search(r"val/loss [\d.]+", line) for line in lines[1:])
    assert re.search(r"[\d,]+ jets/s$", lines[-1])


def test_an_evaluation_is_told_in_a_log_too(trained, salt):
    for command, lines in (("test", ["batch 1 of 3 is evaluated"]), ("validate", [])):
        done = salt(command, "--config", trained.run / "config.yaml", *SHOWN)
        assert done.code == 0, done.err
        assert "\r" not in done.out + done.err
        assert [line for line in done.err.splitlines() if line.endswith("is evaluated")] == lines


def test_a_terminal_shows_losses_and_speed_live(sample, salt, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    done = salt("fit", "--config", sample.config, "-f", "--log_suffix", "a", *SHOWN)
    assert done.code == 0, done.err
    assert "Epoch 0: 100%" in done.out
    live = [line for line in done.out.split("\r") if "jets/s" in line][-1]
    assert re.findall(r"([\w/]+)=", live) == [*LOSSES, "val/loss", "jets/s"]
    assert not [line for line in done.err.splitlines() if line.startswith("epoch ")]


class Reads:
    """Counts how often a value that was logged is read, as Lightning's bars and our own do."""

    def __init__(self, monkeypatch):
        self.pushed, self.told = 0, 0
        where = "lightning.pytorch.trainer.connectors.logger_connector.result.convert_tensors_to_scalars"
        convert, read = result.convert_tensors_to_scalars, progress.losses_told

        def pushed(value):
            self.pushed += 1
            return convert(value)

        def told(metrics):
            self.told += 1
            return read(metrics)

        monkeypatch.setattr(where, pushed)
        monkeypatch.setattr(progress, "losses_told", told)


@pytest.mark.parametrize(("interval", "told"), [(0.0, 5), (3600.0, 2)])
def test_a_live_line_reads_the_losses_only_when_it_changes(sample, salt, monkeypatch, interval, told):
    """At 5 steps and no validation: at each, or at the first and the last; and once more as the epoch ends."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    timed = type("Timed", (LiveLine,), {"__init__": lambda self: LiveLine.__init__(self, interval)})
    monkeypatch.setattr(progress, "LiveLine", timed)
    reads = Reads(monkeypatch)
    words = ("--trainer.limit_val_batches", 0, "--trainer.log_every_n_steps", 100, *NO_RATE)
    assert salt("fit", "--config", sample.config, "-f", "--log_suffix", "a", *SHOWN, *words).code == 0
    assert reads.told == told + 1
    assert reads.pushed == 0


def test_a_bar_of_the_configuration_is_given_the_losses(sample, salt, monkeypatch):
    reads = Reads(monkeypatch)
    words = ("--trainer.callbacks.bar", "{class_path: TQDMProgressBar}", "--trainer.limit_val_batches", 0)
    done = salt("fit", "--config", sample.config, "-f", "--log_suffix", "a", *SHOWN, *NO_RATE, *words)
    assert done.code == 0, done.err
    assert re.search(r"train/loss=\d", done.out)
    assert reads.pushed >= 5


def test_lines_come_once_in_an_interval_and_from_the_first_rank_alone():
    now = [0.0]
    lines = LogLines(interval=10.0, clock=lambda: now[0])
    told = []
    for now[0] in (0.0, 3.0, 9.9, 10.0, 12.0, 20.5):
        told.append(lines._is_time())
    assert told == [True, False, False, True, False, True]
    now[0] = 99.0
    lines.disable()
    assert not lines._is_time()
    lines.enable()
    assert lines._is_time()


def test_a_bar_of_the_configuration_is_the_only_one(monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert progress_for([TQDMProgressBar()]) == []
    assert [type(one) for one in progress_for([])] == [LiveLine]


def test_no_line_is_written_where_none_is_wanted(sample, salt):
    done = salt("fit", "--config", sample.config, "-f", "--log_suffix", "a")
    assert done.code == 0
    assert not [line for line in done.err.splitlines() if line.startswith("epoch ")]
