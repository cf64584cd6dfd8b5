"""Compare ``salt test`` of salt-ml with ours: the same model, the same jets, the same cores.

salt-ml trains a model for a few steps, which ``salt import`` takes over; the predictions that both
write must agree. Then each evaluates a small and a large file in turn, in a process of its own. The
rate is that of the additional jets, so that starting up does not count.

Usage::

    python benchmarks/evaluate_salt_ml.py --size demo --jets ttbar_test.h5 --norm-dict norm_dict.yaml \
        --class-dict class_dict.yaml --salt-python PATH_OF_PYTHON_WITH_SALT_ML

It ends with an error where ours is not `--times` as fast.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
from common import describe_machine
from evaluate import repeat_rows
from salt_ml import SIZES, config, run, run_ours, timed, write_config

# salt-ml compresses its files with what only hdf5plugin, which comes with it, can read.
CONVERT = """
import sys, h5py, hdf5plugin, numpy
with h5py.File(sys.argv[1]) as file:
    numpy.save(sys.argv[2], file["jets"][:])
"""


class SaltMl:
    """The training of salt-ml."""

    def __init__(self, args, folder):
        self.args, self.folder = args, folder
        content = config(
            args.size, args.jets, args.jets, args.norm_dict, args.class_dict, num_train=3000, num_val=1000
        )
        run(
            args.salt_python,
            folder,
            args.threads,
            "fit",
            "--config",
            write_config(folder, content),
            "--force",
        )
        (self.config,) = folder.glob("logs/*/config.yaml")
        (self.ckpt,) = self.config.parent.glob("ckpts/*.ckpt")

    def evaluate(self, jets):
        """Evaluate a file; return the seconds, the largest memory and what was written."""
        words = ("--config", self.config, "--data.test_file", jets)
        words += ("--data.num_workers", self.args.workers) if self.args.workers is not None else ()
        used = run(self.args.salt_python, self.folder, self.args.threads, "test", *words)
        (written,) = self.config.parent.glob("ckpts/*__test*.h5")
        return *used, written

    def predictions(self, written):
        """Read what was written."""
        timed([self.args.salt_python, "-c", CONVERT, written, self.folder / "jets.npy"], self.folder, 1)
        return np.load(self.folder / "jets.npy")


class Ours:
    """The same model, imported."""

    def __init__(self, args, folder, theirs):
        self.args, self.folder = args, folder
        run_ours(folder, args.threads, "import", theirs.ckpt, "--config", theirs.config, "--out", "imported")

    def evaluate(self, jets):
        """Evaluate a file; return the seconds, the largest memory and what was written."""
        words = ("--config", "imported/config.yaml", "--data.test_file", jets)
        used = run_ours(self.folder, self.args.threads, "test", *words)
        (written,) = self.folder.glob("imported/ckpts/*__test*.h5")
        return *used, written

    def predictions(self, written):
        """Read what was written."""
        with h5py.File(written) as file:
            return file["jets"][:]


def check(ours, theirs, jets):
    """Stop where the two predict differently."""
    results = []
    for side in (theirs, ours):
        written = side.evaluate(jets)[2]
        results.append(side.predictions(written))
        written.unlink()
    columns = [name for name in ("GN2_pb", "GN2_pc", "GN2_pu") if name in results[0].dtype.names]
    difference = max(np.abs(results[0][name] - results[1][name]).max() for name in columns)
    print(f"largest difference of {', '.join(columns)} over {len(results[0]):,} jets: {difference:.1e}")
    if not (columns and difference < 1e-4):
        sys.exit("the two predict different things")


def rate(side, files):
    """Return the jets/s of the additional jets of the larger file, and the peak memory in bytes."""
    seconds = []
    for path in files.values():
        used, peak, written = side.evaluate(path)
        written.unlink()
        seconds.append(used)
    small, large = files
    return (large - small) / (seconds[1] - seconds[0]), peak


def parse():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jets", type=Path, required=True, help="HDF5 file of jets")
    parser.add_argument("--norm-dict", type=Path, required=True)
    parser.add_argument("--class-dict", type=Path, required=True)
    parser.add_argument("--salt-python", type=Path, required=True, help="python with salt-ml 0.13")
    parser.add_argument("--size", choices=SIZES, default="demo")
    parser.add_argument("--sizes", type=int, nargs=2, default=[5_000, 30_000], help="jets for salt-ml")
    parser.add_argument("--more", type=int, default=8, help="so many times the jets for ours")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--workers", type=int, help="of salt-ml's loader; its own choice by default")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=float, default=10.0, help="required: so many times faster")
    return parser.parse_args()


def main():
    """Train, import, check and compare."""
    args = parse()
    describe_machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        args.jets, args.salt_python = args.jets.resolve(), args.salt_python.absolute()
        theirs = SaltMl(args, folder)
        ours = Ours(args, folder, theirs)
        files = {}
        for num_jets in sorted({size * factor for size in args.sizes for factor in (1, args.more)}):
            files[num_jets] = folder / f"jets_{num_jets}.h5"
            repeat_rows(args.jets, files[num_jets], num_jets)
        check(ours, theirs, files[args.sizes[0]])
        small, large = args.sizes
        rounds = []
        for number in range(args.rounds):
            other, other_peak = rate(theirs, {size: files[size] for size in (small, large)})
            mine, peak = rate(ours, {size: files[size] for size in (small * args.more, large * args.more)})
            rounds.append(mine / other)
            print(
                f"round {number + 1}: salt-ml {other:,.0f} jets/s, {other_peak / 1e6:,.0f} MB   "
                f"ours {mine:,.0f} jets/s, {peak / 1e6:,.0f} MB   {rounds[-1]:.1f} times",
                flush=True,
            )
    ratio = statistics.median(rounds)
    print(f"{args.size}: median {ratio:.1f} times, rounds {min(rounds):.1f} to {max(rounds):.1f}")
    sys.exit(0 if ratio >= args.times else "not as fast as required")


if __name__ == "__main__":
    main()
