"""What tests read of runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from salt_core.training.run_files import read_metrics

#: What no two trainings have in common.
CLOCK = re.compile("train/jets_per_s|time/")


def metrics_of(run: Path) -> list[dict[str, str]]:
    """Read what a run has logged, but for what the clock tells."""
    rows = [
        {key: value for key, value in row.items() if not CLOCK.match(key)}
        for row in read_metrics(run / "metrics.csv")
    ]
    return [row for row in rows if any(value for key, value in row.items() if key not in ("epoch", "step"))]


def record_of(run: Path) -> dict[str, Any]:
    """Read what a run has noted of where it comes from."""
    return yaml.safe_load((run / "metadata.yaml").read_text())
