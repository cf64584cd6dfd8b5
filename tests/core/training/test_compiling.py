"""What ``--compile`` compiles, and what a training with few shapes gives, without waiting for a compiler."""

from __future__ import annotations

import csv

import pytest
from torch import nn

CALLBACK = "{class_path: GradientAccumulationScheduler, init_args: {scheduling: {0: 2}}}"


@pytest.fixture
def compiled(monkeypatch) -> list[tuple[str, dict[str, object]]]:
    """Leave all as it is where something is to be compiled, and list what, and with which options."""
    found = []

    def note(part, **options):
        found.append((type(part).__name__, options))

    monkeypatch.setattr(nn.Module, "compile", note)
    monkeypatch.setattr("torch.compile", lambda function, **options: note(function, **options) or function)
    return found


def losses_of(folder, suffix):
    with (folder / "logs" / f"tiny_{suffix}" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name.endswith("loss")]
    return [[float(row[name]) for name in names if row[name]] for row in rows]


def test_a_training_with_buckets_has_the_same_losses(sample, salt, compiled, monkeypatch):
    steps = []
    monkeypatch.setattr("torch.compiler.cudagraph_mark_step_begin", lambda: steps.append(True))
    for suffix, words in (("plain", []), ("graphs", ["--compile", "graphs"])):
        done = salt("fit", "--config", sample.config, "-f", "--log_suffix", suffix, *words)
        assert done.code == 0, done.err
        if suffix == "plain":
            assert not compiled
            assert not steps
    assert len(steps) >= 5 + 3, "of the training, and of the validation"
    plain, graphs = losses_of(sample.folder, "plain"), losses_of(sample.folder, "graphs")
    assert len(plain) == len(graphs) >= 6
    for expected, found in zip(plain, graphs, strict=True):
        assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("value", "mode"), [("true", None), ("graphs", "reduce-overhead")])
def test_layers_are_recorded_and_pairs_are_not(sample, salt, compiled, value, mode):
    done = salt("fit", "--config", sample.config, "-f", "--compile", value, "--trainer.fast_dev_run", "1")
    assert done.code == 0, done.err
    assert compiled == [("Layer", {"dynamic": True, "mode": mode}), ("function", {"dynamic": True})]


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        (["--compile", "grafs"], ["compile", "'grafs'", "graphs"]),
        (["--trainer.accumulate_grad_batches", "2"], ["trainer.accumulate_grad_batches", "accumulate none"]),
        (["--trainer.callbacks.sum", CALLBACK], ["trainer.accumulate_grad_batches", "accumulate none"]),
        (["--model.encoder.recompute", "true"], ["model.encoder", "recompute: ", "choose one of the two"]),
        (
            ["--model.encoder", "{plugin: deepsets, init_nets: {tracks: {hidden_layers: [8]}}}"],
            ["model.encoder", "give --compile without graphs"],
        ),
    ],
    ids=lambda value: value[0].strip("-") if value[0].startswith("--") else "",
)
def test_what_cannot_be_recorded_is_refused(sample, salt, words, seen):
    graphs = [] if "--compile" in words else ["--compile", "graphs"]
    for command in ("fit", "check"):
        done = salt(
            command, "--config", sample.config, *(["-f"] if command == "fit" else []), *graphs, *words
        )
        assert done.code == 2
        for word in seen:
            assert word in done.out + done.err
        assert "Traceback" not in done.out + done.err
