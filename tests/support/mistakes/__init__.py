"""Configurations and samples with one mistake each, and what `salt check` says of it."""

from __future__ import annotations

from mistakes import configuration, data, model, run

CASES = configuration.CASES | data.CASES | model.CASES | run.CASES
