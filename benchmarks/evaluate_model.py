"""Time the model of ``salt test`` on a processor, in turn with the products of weights in it alone.

Both take the same pieces of the same batches, all cores side by side; nothing is read or written. The share is
what even a model without attention, norms, activations and Python would still take.

Usage::

    python benchmarks/evaluate_model.py --run logs/GN2_<time> --jets ttbar_test.h5
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from pathlib import Path

os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # as the command line does

import torch
from common import describe_machine
from pieces import Recorded, filled

import salt_core
from salt_core.cores import num_pieces, side_by_side


def recorded(module, batch, unwanted):
    """Return the products of each piece of a batch, as operation, operands and number."""
    operands = {}

    def products(piece):
        with Recorded() as found:
            module.outputs(module(piece, unwanted), piece)
        for _, forms in found.calls:
            if forms not in operands:
                operands[forms] = [filled(*form, "cpu") for form in forms]
        return [(operation, operands[forms], number) for (operation, forms), number in found.calls.items()]

    return [products(piece) for piece in batch.in_pieces(num_pieces(batch.num_rows))]


def multiply(products):
    """Do the products of a piece; return how many operations they have."""
    operations = 0
    for operation, operands, number in products:
        for _ in range(number):
            operation(*operands)
        *_, x, weight = operands
        operations += 2 * number * x.shape[0] * x.shape[1] * weight.shape[1]
    return operations


def timed(work):
    """Return the seconds that `work` takes, and what it returns."""
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def parse():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True, help="directory of a trained run, or a checkpoint")
    parser.add_argument("--jets", type=Path, required=True, help="HDF5 file of jets")
    parser.add_argument("--num-jets", type=int, default=4_000)
    parser.add_argument("--batch-size", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--constituents", action="store_true", help="evaluate the heads of constituents too")
    return parser.parse_args()


def main():
    """Time both in turn."""
    args = parse()
    describe_machine()
    torch.set_num_threads(args.threads)
    trained = salt_core.load(args.run)
    batches = list(trained.batches(args.jets, args.batch_size, args.num_jets))
    unwanted = () if args.constituents else tuple(batches[0].streams)
    shares, rates, models = [], [], []
    with torch.no_grad():  # inference mode hides the products of linear maps from what records them
        pieces = [recorded(trained.module, batch, unwanted) for batch in batches]
    with torch.inference_mode():
        for number in range(args.rounds + 1):
            model, _ = timed(lambda: [trained.module.written(batch, unwanted) for batch in batches])
            alone, found = timed(lambda: [side_by_side(multiply, one) for one in pieces])
            if number:  # the first one warms up
                models.append(model / args.num_jets * 1e6)
                shares.append(alone / model)
                rates.append(sum(map(sum, found)) / alone / 1e9)
    print(f"the model takes {statistics.median(models):.0f} µs a jet, median of {args.rounds} rounds")
    low, high = min(shares), max(shares)
    print(f"products alone: median {statistics.median(shares):.0%} of it, rounds {low:.0%} to {high:.0%}")
    print(f"their rate: {statistics.median(rates):.0f} Gflop/s on {args.threads} cores")


if __name__ == "__main__":
    main()
