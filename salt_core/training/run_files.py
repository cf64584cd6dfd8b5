"""What lies in a run directory by which name, and the metrics there."""

from __future__ import annotations

import csv
from pathlib import Path

CONFIG_NAME = "config.yaml"
METADATA_NAME = "metadata.yaml"
METRICS_NAME = "metrics.csv"


def read_metrics(path: Path) -> list[dict[str, str]]:
    """Read the rows of a metrics file; none where it does not exist."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
