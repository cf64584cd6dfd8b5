"""The contract of a logger."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lightning.pytorch.loggers import Logger

from salt_core.interfaces.logger import RunLogger
from salt_core.testing.contract import Contract, require

CONFIG = {
    "name": "tagger",
    "model": {"encoder": {"plugin": "mean", "sizes": [8, 8]}, "lr": 1e-3},
    "note": None,
}


def check_logger(logger: Logger, directory: Path) -> None:
    """Check that a logger takes what a training tells it; a tracker that it needs must be within reach.

    Parameters
    ----------
    logger : Logger
        As ``__init__`` leaves it; a run is logged with it.
    directory : Path
        The folder of the run, empty.

    Raises
    ------
    Breach
        With every clause that is broken, and what was seen.
    """
    contract = Contract(logger)
    with contract.clause("name and version are texts, numbers or None, before a run starts too"):
        for what, found in (("name", logger.name), ("version", logger.version)):
            require(found is None or isinstance(found, str | int), f"{what} is a {type(found).__name__}")
    if isinstance(logger, RunLogger):
        _check_start(contract, logger, directory)
    else:
        with contract.clause("it takes the configuration"):
            logger.log_hyperparams(CONFIG)
    with contract.clause("it takes metrics with their step"):
        for step in (0, 1):
            logger.log_metrics({"train/loss": 0.5, "lr-AdamW": 1e-3}, step)
    with contract.clause("it takes metrics that are not finite, as of a training that fails"):
        logger.log_metrics({"train/loss": float("nan"), "val/loss": float("inf")}, 2)
    with contract.clause("it writes out what waits, and ends however a run ends"):
        logger.save()
        logger.finalize("success")
        logger.finalize("failed")
    contract.conclude()


def _check_start(contract: Contract, logger: RunLogger, directory: Path) -> None:
    with contract.clause("needs names the module and what pip calls its package"):
        module, package = logger.needs
        require(bool(module and package), f"it is {logger.needs}")
    with contract.clause("nothing is written before a run starts"):
        logger.log_metrics({"train/loss": 0.5}, 0)
        logger.save()
        require(not any(directory.iterdir()), f"there is {', '.join(p.name for p in directory.iterdir())}")
    with contract.clause("make gives a logger, which takes the configuration", needed=True):
        logger.enter(directory, CONFIG)
    with contract.clause("a tracker takes every metric without complaint"), _warnings() as told:
        logger.log_metrics({"train/loss": 0.25}, 0)
        require(not told, "; ".join(told))


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """Collect what is told by way of `salt.*` inside."""
    told: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(record.getMessage())

    collector, log = Collector(logging.WARNING), logging.getLogger("salt")
    log.addHandler(collector)
    try:
        yield told
    finally:
        log.removeHandler(collector)
