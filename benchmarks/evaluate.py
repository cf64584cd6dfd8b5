"""Show that the memory of ``salt test`` does not grow with its file, and at what rate it evaluates.

The rows of one file are repeated into a small and a large one, and a trained run is evaluated on
each, in a process of its own. The rate is that of the additional jets, so that starting up does not
count.

Usage::

    python benchmarks/evaluate.py --run logs/GN2_<time> --jets ttbar_test.h5

It ends with an error where the larger file needs more than `--growth` times the memory.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
from common import describe_machine

ROWS_AT_ONCE = 10_000


def repeat_rows(source, target, num_jets):
    """Write the first `num_jets` rows of a file whose rows are repeated without end."""
    with h5py.File(source) as jets, h5py.File(target, "w") as repeated:
        for name, rows in jets.items():
            shape, chunks = (num_jets, *rows.shape[1:]), rows.chunks
            copy = repeated.create_dataset(name, shape, rows.dtype, chunks=chunks, compression="lzf")
            copy.attrs.update(rows.attrs)
            done = 0
            while done < num_jets:
                start = done % len(rows)
                number = min(ROWS_AT_ONCE, len(rows) - start, num_jets - done)
                copy[done : done + number] = rows[start : start + number]
                done += number
        repeated.attrs.update(jets.attrs)


def evaluate(args, jets, suffix):
    """Evaluate one file; return the seconds that it took and the largest memory of the process in bytes."""
    command = [sys.executable, "-m", "salt_core", "test", "--config", str(args.run / "config.yaml")]
    flags = {"test_file": jets, "test_suff": suffix, "write_constituents": str(args.constituents).lower()}
    for name, value in flags.items():
        command += [f"--data.{name}", str(value)]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"salt test ended with {process.returncode}; see its message above")
    return seconds, usage.ru_maxrss * 1024


def parse():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True, help="directory of a trained run")
    parser.add_argument("--jets", type=Path, required=True, help="HDF5 file of jets")
    parser.add_argument("--sizes", type=int, nargs=2, default=[30_000, 300_000], help="jets of the two files")
    parser.add_argument("--constituents", action="store_true", help="write the constituents' predictions too")
    parser.add_argument("--growth", type=float, default=1.1, help="allowed: so many times the memory")
    return parser.parse_args()


def main():
    """Evaluate both files and compare them."""
    args = parse()
    describe_machine()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for num_jets in args.sizes:
            jets = Path(folder) / f"jets_{num_jets}.h5"
            repeat_rows(args.jets, jets, num_jets)
            results.append(evaluate(args, jets, f"benchmark_{num_jets}"))
            for written in args.run.glob(f"ckpts/*__test_*benchmark_{num_jets}*"):
                written.unlink()
            print(f"{num_jets:>9,} jets: {results[-1][0]:.1f} s, {results[-1][1] / 1e6:.0f} MB", flush=True)
    (small_time, small_peak), (large_time, large_peak) = results
    growth = large_peak / small_peak
    rate = (args.sizes[1] - args.sizes[0]) / (large_time - small_time)
    print(f"memory of the larger: {growth:.3f} times; {rate:,.0f} jets/s without starting up")
    sys.exit(0 if growth <= args.growth else "memory grows with the file")


if __name__ == "__main__":
    main()
