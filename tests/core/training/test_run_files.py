"""The metrics of a run directory."""

from __future__ import annotations

from salt_core.training.run_files import METRICS_NAME, read_metrics


def test_rows_are_texts_by_column(tmp_path):
    (tmp_path / METRICS_NAME).write_text("step,val/loss\n1,\n2,0.5\n")
    assert read_metrics(tmp_path / METRICS_NAME) == [
        {"step": "1", "val/loss": ""},
        {"step": "2", "val/loss": "0.5"},
    ]


def test_no_file_has_no_rows(tmp_path):
    assert read_metrics(tmp_path / METRICS_NAME) == []
