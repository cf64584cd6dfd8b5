"""Time our training step of full-size GN2 with one choice changed at a time, each in a process of its own.

Usage::

    python benchmarks/choices.py --jets ttbar_train.h5 --norm-dict norm_dict.yaml --class-dict class_dict.yaml
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from common import describe_machine
from salt_ml import SIZES
from train_step import our_batch, our_model, peak

CHOICES = (
    "as it is",
    "bf16-mixed",
    "compile",
    "recompute",
    "matmul_precision medium",
    "without vertexing",
    "2 layers",
    "batch 250",
    "batch 4000",
)


def measure(args):
    """Time steps with one choice; print jets per second and the largest memory of the process."""
    import torch

    from salt_core.heap import keep_freed_memory

    keep_freed_memory()  # as salt fit does
    torch.set_num_threads(args.threads)
    args.width, args.layers, args.heads, args.out, args.head = SIZES["full"]
    args.layers = 2 if args.choice == "2 layers" else args.layers
    args.batch = int(args.choice.removeprefix("batch ")) if args.choice.startswith("batch") else 1000
    if args.choice == "matmul_precision medium":
        torch.set_float32_matmul_precision("medium")
    model, batch = our_model(args, args.choice == "compile"), our_batch(args)
    if args.choice == "without vertexing":
        del model.tasks["track_vertexing"]
    model.encoder.recompute = args.choice == "recompute"
    optimizer = model.optimizer.build(model, 1e-4, 1e-5)
    times = []
    for _ in range(3 + args.steps):
        start = time.perf_counter()
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=args.choice == "bf16-mixed"):
            total = model.total(model.training_losses(batch))
        total.backward()
        optimizer.step()
        times.append(time.perf_counter() - start)
    rate = args.batch / statistics.median(times[3:])
    print(f"{args.choice:26s}{rate:10,.0f} jets/s{peak('cpu') / 1e9:10.2f} GB", flush=True)


def parse():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jets", type=Path, required=True, help="HDF5 file of jets")
    parser.add_argument("--norm-dict", type=Path, required=True)
    parser.add_argument("--class-dict", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--steps", type=int, default=9)
    parser.add_argument("--choice", choices=CHOICES, help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    """Time one choice, or start a process for each."""
    args = parse()
    if args.choice:
        measure(args)
        return
    describe_machine()
    environment = {"THP_MEM_ALLOC_ENABLE": "1"} | os.environ
    for choice in (*CHOICES, CHOICES[0]):
        subprocess.run([sys.executable, *sys.argv, "--choice", choice], check=True, env=environment)


if __name__ == "__main__":
    main()
