"""Time a training on two processes against one, on the CPU: each process has one thread.

One process takes batches of 2000 jets, each of two takes batches of 1000, so that both trainings take the
same steps over the same number of jets; the losses of their validations must agree. Compared is the
time of loading and steps of one epoch, as the runs themselves have logged it.

Usage::

    python benchmarks/scaling.py --train ttbar_train.h5 --val ttbar_val.h5 --norm-dict norm_dict.yaml \
        --class-dict class_dict.yaml

It ends with an error where two are not `--times` as fast.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
import tempfile
from pathlib import Path

from common import describe_machine
from salt_ml import run_ours

#: Relative; the jets of a step differ, since each rank draws its own.
AGREEMENT = 0.05


def train(args, folder, devices):
    """Train one epoch; return the seconds of loading and steps, and the loss of the validation."""
    folder.mkdir()
    settings = {
        "data.train_file": args.train.resolve(),
        "data.val_file": args.val.resolve(),
        "data.norm_dict": args.norm_dict.resolve(),
        "data.class_dict": args.class_dict.resolve(),
        "data.batch_size": 2000 // devices,
        "data.num_train": args.jets,
        "data.num_workers": 0,
        "trainer.max_epochs": 1,
        "trainer.devices": devices,
    }
    words = [word for key, value in settings.items() for word in (f"--{key}", value)]
    run_ours(folder, 1, "fit", "--config", "GN2.yaml", "--config", "demo.yaml", "--force", *words)
    (metrics,) = folder.glob("logs/*/metrics.csv")
    with metrics.open(newline="") as file:
        rows = list(csv.DictReader(file))
    seconds = sum(last(rows, f"time/{part}") for part in ("loading", "step"))
    return seconds, last(rows, "val/loss")


def last(rows, column):
    """Return the last value of a column."""
    return float([row[column] for row in rows if row[column]][-1])


def parse():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", type=Path, required=True, help="HDF5 file of jets to train on")
    parser.add_argument("--val", type=Path, required=True, help="HDF5 file of jets to validate on")
    parser.add_argument("--norm-dict", type=Path, required=True)
    parser.add_argument("--class-dict", type=Path, required=True)
    parser.add_argument("--jets", type=int, default=40_000, help="jets to train on")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=float, default=1.6, help="required: so many times faster")
    return parser.parse_args()


def main():
    """Train in turn, check and compare."""
    args = parse()
    describe_machine()
    ratios = []
    with tempfile.TemporaryDirectory() as name:
        for number in range(args.rounds):
            (one, loss_one), (two, loss_two) = (
                train(args, Path(name) / f"{number}_{devices}", devices) for devices in (1, 2)
            )
            if not abs(loss_one - loss_two) < AGREEMENT * abs(loss_one):
                sys.exit(f"the losses differ: {loss_one} with one process, {loss_two} with two")
            ratios.append(one / two)
            print(
                f"round {number + 1}: one process {one:.1f} s, val/loss {loss_one:.4f}   "
                f"two {two:.1f} s, val/loss {loss_two:.4f}   {ratios[-1]:.2f} times",
                flush=True,
            )
    ratio = statistics.median(ratios)
    print(f"times faster: median {ratio:.2f}")
    sys.exit(0 if ratio >= args.times else "not as fast as required")


if __name__ == "__main__":
    main()
