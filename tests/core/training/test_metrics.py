"""The metrics file of a run."""

from __future__ import annotations

from salt_core.training.metrics import MetricsLogger, read_metrics
from salt_core.training.run import RunDirectory


def logger_in(folder) -> MetricsLogger:
    directory = RunDirectory(folder, "run", "x")
    directory.path.mkdir(exist_ok=True)
    return MetricsLogger(directory)


def test_rows_and_new_columns(tmp_path):
    logger = logger_in(tmp_path)
    logger.log_metrics({"epoch": 0, "train/loss": 1.5}, 10)
    logger.log_metrics({"epoch": 0, "val/loss": 2.5}, 10)
    assert read_metrics(logger.path) == [
        {"epoch": "0", "step": "10", "train/loss": "1.5", "val/loss": ""},
        {"epoch": "0", "step": "10", "train/loss": "", "val/loss": "2.5"},
    ]


def test_a_run_that_goes_on_appends(tmp_path):
    logger_in(tmp_path).log_metrics({"epoch": 0, "train/loss": 1.0}, 1)
    logger_in(tmp_path).log_metrics({"epoch": 1, "train/loss": 0.5}, 2)
    assert [row["train/loss"] for row in read_metrics(logger_in(tmp_path).path)] == ["1.0", "0.5"]


def test_no_file_has_no_rows(tmp_path):
    assert read_metrics(tmp_path / "metrics.csv") == []
