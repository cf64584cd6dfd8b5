"""The metrics file of a run."""

from __future__ import annotations

import pytest

from salt_core.training.metrics import MetricsLogger
from salt_core.training.run_directory import RunDirectory
from salt_core.training.run_files import read_metrics


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


def rows_kept(tmp_path, rows: int) -> list[tuple[str, str]]:
    """Go on after the first `rows` of two epochs of two steps, with a validation and the end of each."""
    logger = logger_in(tmp_path)
    for epoch in (0, 1):
        for step in (2 * epoch, 2 * epoch + 1):
            logger.log_metrics({"epoch": epoch, "train/loss": 1.0}, step)
        logger.log_metrics({"epoch": epoch, "val/loss": 2.0}, step)
        logger.log_metrics({"epoch": epoch, "time/step": 3.0}, step)
    logger.go_on(logger.path, rows)
    assert logger.rows == len(read_metrics(logger.path))
    return [(row["step"], row["time/step"]) for row in read_metrics(logger.path)]


def test_the_end_of_an_epoch_is_kept_after_the_checkpoint_of_its_validation(tmp_path):
    assert rows_kept(tmp_path, 3) == [("0", ""), ("1", ""), ("1", ""), ("1", "3.0")]


@pytest.mark.parametrize("rows", [1, 2, 5, 6])
def test_what_is_logged_again_is_not_kept(tmp_path, rows):
    assert len(rows_kept(tmp_path, rows)) == rows
