"""What ``metadata.yaml`` says of a run, however that ends."""

from __future__ import annotations

import shlex
import signal
import sys

import numpy as np
import pytest
import torch
from told import record_of

from salt_core import __version__
from salt_core.data.fingerprint import checksum_of_ends

STOPS = '''
import os, signal
from lightning.pytorch import Callback
from salt_core import hookimpl

class Stop(Callback):
    """Sends a signal after the second step."""
    def on_train_batch_end(self, trainer, module, outputs, batch, index):
        if index == 1:
            os.kill(os.getpid(), int(os.environ["STOP_BY"]))

@hookimpl
def salt_callbacks():
    return {"stop": Stop}
'''


def test_what_the_record_says(sample, fit):
    done = fit("-f", "--log_suffix", "1", "--model.tasks.vertexing", "null")
    assert done.code == 0, done.err
    told = record_of(sample.folder / "logs" / "tiny_1")
    assert told["started"] <= told["ended"]
    assert (told["outcome"], told["exit_status"], told["seed"]) == ("finished", 0, 42)
    assert shlex.split(told["command"]) == sys.orig_argv
    assert told["folder"] == str(sample.folder)
    assert told["versions"]["salt-hep"] == __version__
    assert told["versions"]["torch"] == torch.__version__
    assert told["versions"]["numpy"] == np.__version__
    assert told["versions"]["cuda"] == torch.version.cuda
    assert told["devices"] == ["cpu"]
    names = {(plugin["kind"], plugin["name"]) for plugin in told["plugins"]}
    assert {("encoder", "gn2"), ("loss", "cross_entropy"), ("dataloader", "hdf5")} <= names
    assert ("task", "vertexing") not in names
    assert all(p["distribution"] == "salt-hep" and p["version"] == __version__ for p in told["plugins"])
    for name, rows in (("train", 100), ("val", 50)):
        path = sample.file(name)
        entry = {"path": str(path), "size": path.stat().st_size, "rows": rows}
        assert told["data"][f"{name}_file"] == [entry | {"crc32": checksum_of_ends(path)}]
    checkpoint = torch.load(sample.folder / "logs" / "tiny_1" / "ckpts" / "last.ckpt")
    moments = checkpoint["optimizer_states"][0]["state"].values()
    assert told["parameters"] == sum(moment["exp_avg"].numel() for moment in moments)


def test_a_failure_is_recorded(sample, fit):
    plugin = "from lightning.pytorch import Callback\nfrom salt_core import RunError, hookimpl\n"
    plugin += 'class Stop(Callback):\n    """Stops."""\n    def on_train_end(self, trainer, module):\n'
    plugin += (
        '        raise RunError("enough")\n@hookimpl\ndef salt_callbacks():\n    return {"stop": Stop}\n'
    )
    (sample.folder / "stop.py").write_text(plugin)
    words = ("-f", "--log_suffix", "1", "--plugins", "[stop.py]", "--trainer.callbacks.stop", "stop")
    assert fit(*words).code == 1
    told = record_of(sample.folder / "logs" / "tiny_1")
    assert (told["outcome"], told["exit_status"]) == ("failed: enough", 1)
    local = [plugin for plugin in told["plugins"] if plugin["name"] == "stop"]
    assert local[0]["version"] == "local"
    done = fit(*words[:3], "--resume", "--trainer.callbacks.stop", "null")
    assert done.code == 0, done.err
    again = record_of(sample.folder / "logs" / "tiny_1")
    (part,) = again.pop("continued")
    assert again == told
    assert part["outcome"] == "finished"
    assert part["resumed_from"]["step"] == 5


@pytest.mark.parametrize(
    ("number", "outcome", "status"),
    [
        pytest.param(signal.SIGTERM, "interrupted: resumable", 85, id="stopped"),
        pytest.param(signal.SIGKILL, None, None, id="killed", marks=pytest.mark.full),
    ],
)
def test_a_run_that_is_stopped_or_killed(sample, salt_process, monkeypatch, number, outcome, status):
    (sample.folder / "stop.py").write_text(STOPS)
    monkeypatch.setenv("STOP_BY", str(int(number)))
    words = ("-f", "--log_suffix", "1", "--plugins", "[stop.py]", "--trainer.callbacks.stop", "stop")
    done = salt_process("fit", "--config", sample.config, *words, cwd=sample.folder)
    assert done.code in (status, -number)
    told = record_of(sample.folder / "logs" / "tiny_1")
    assert (told["outcome"], told["exit_status"]) == (outcome, status)
    assert (told["ended"] is None) == (outcome is None)
