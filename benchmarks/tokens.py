"""Time training steps of jets with more and more constituents: all costs per constituent but those of pairs stay.

The small GN2 of the demo is trained on random jets that all have the same number of constituents; the
batch has about as many constituents in all, whatever that number is. A step is timed with and without
the head that scores pairs, and the attention of all layers is timed alone. What is neither has to cost
the same per constituent, for 200 in a jet as for 10. `--plot` draws the three.

Usage::

    python benchmarks/tokens.py [--plot docs/images/tokens.png]

It ends with an error where the rest costs more than `--growth` times as much per constituent.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch
from common import describe_machine

from salt_core import DataFacts, JetBatch, Layout, Packed
from salt_core.nn.attention import attend
from salt_core.training.module import SaltModule
from salt_plugins.encoders.gn2.encoder import GN2, InitNet
from salt_plugins.losses.binary_cross_entropy.loss import BinaryCrossEntropy
from salt_plugins.losses.cross_entropy.loss import CrossEntropy
from salt_plugins.optimizers.adamw.factory import AdamW
from salt_plugins.tasks.classification.head import Classification
from salt_plugins.tasks.vertexing.head import Vertexing

WIDTH, LAYERS, HEADS, OUT, HEAD = 128, 2, 4, 64, [64, 32]
VARIABLES = {"jets": ("pt", "eta"), "tracks": tuple(f"v{number}" for number in range(19))}
PARTS = ("pair head", "attention", "everything else")


def make_model(pairs):
    """Build the model, with or without the head that scores pairs."""
    tasks = {
        "flavour": Classification("jets", "flavour", CrossEntropy(), HEAD, ["b", "c", "u", "tau"]),
        "origin": Classification("tracks", "origin", CrossEntropy(), HEAD, list("abcdefgh")),
    }
    if pairs:
        tasks["vertexing"] = Vertexing("tracks", "vertex", "origin", BinaryCrossEntropy(), HEAD)
    encoder = GN2({"tracks": InitNet([WIDTH])}, LAYERS, WIDTH, HEADS, OUT)
    model = SaltModule(encoder, tasks, AdamW())
    ones = {name: (1.0,) * len(variables) for name, variables in VARIABLES.items()}
    model.build(DataFacts("jets", VARIABLES, ones, ones, {}, {}))
    return model


def make_batch(jets, length):
    """Make `jets` jets of `length` constituents each, of random numbers."""
    rows = jets * length
    tracks = {"origin": torch.randint(0, 8, (rows,)), "vertex": torch.randint(-1, 3, (rows,))}
    columns = {"jets": {"flavour": torch.randint(0, 4, (jets,))}, "tracks": tracks}
    packed = Packed(torch.randn(rows, 19), Layout.of(np.full(jets, length)))
    return JetBatch("jets", torch.randn(jets, 2), {"tracks": packed}, columns, torch.arange(jets))


def step_of(model, batch):
    """Return a function that takes a training step."""
    optimizer = model.optimizer.build(model, 1e-4, 1e-5)

    def step():
        optimizer.zero_grad()
        model.total(model.training_losses(batch)).backward()
        optimizer.step()

    return step


def attention_of(jets, length):
    """Return a function that attends in all layers, forward and backward; each jet has a register too."""
    layout = Layout.of(np.full(jets, length + 1))
    heads = torch.randn(layout.total, 3, HEADS, WIDTH // HEADS, requires_grad=True)
    weight = torch.randn(layout.total, HEADS, WIDTH // HEADS)

    def run():
        for _ in range(LAYERS):
            (attend(heads, layout, "auto") * weight).sum().backward()

    return run


def measure(args, models):
    """Return the microseconds per constituent of each part, by constituents in a jet, in alternating rounds."""
    runs = {}
    for length in args.lengths:
        jets = max(args.constituents // length, 1)
        batch = make_batch(jets, length)
        steps = [step_of(models[pairs], batch) for pairs in (True, False)]
        runs[length] = jets * length, [*steps, attention_of(jets, length)]
    times = {length: [[], [], []] for length in args.lengths}
    for number in range(args.rounds + 1):
        for length, (_, functions) in runs.items():
            for place, function in enumerate(functions):
                start = time.perf_counter()
                function()
                if number:
                    times[length][place].append(time.perf_counter() - start)
    return {length: parts(times[length], runs[length][0]) for length in args.lengths}


def parts(times, constituents):
    """Divide the median times of step, step without pairs and attention among `PARTS`."""
    whole, without, attention = (1e6 * statistics.median(found) / constituents for found in times)
    return dict(zip(PARTS, (whole - without, attention, without - attention), strict=True))


def draw(found, path):
    """Draw the parts over the constituents in a jet."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    for part in PARTS:
        axes.plot(list(found), [values[part] for values in found.values()], marker="o", label=part)
    axes.set(xlabel="constituents in a jet", ylabel="µs per constituent", ylim=(0, None))
    axes.legend(frameon=False)
    figure.savefig(path, dpi=120)


def parse():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lengths", type=int, nargs="+", default=[10, 25, 50, 100, 150, 200])
    parser.add_argument("--constituents", type=int, default=6000, help="in a batch, about")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument(
        "--growth", type=float, default=1.25, help="required: at most so many times the first"
    )
    parser.add_argument("--plot", type=Path, help="picture to write")
    return parser.parse_args()


def main():
    """Measure, print and draw."""
    args = parse()
    describe_machine()
    print(
        f"torch {torch.__version__}, {args.threads} threads, GN2 of width {WIDTH}, {LAYERS} layers, float32"
    )
    torch.set_num_threads(args.threads)
    found = measure(args, {pairs: make_model(pairs) for pairs in (True, False)})
    print("constituents in a jet" + "".join(f"{part:>20s}" for part in PARTS) + "   µs per constituent")
    for length, values in found.items():
        print(f"{length:21d}" + "".join(f"{values[part]:20.1f}" for part in PARTS))
    if args.plot:
        draw(found, args.plot)
    rest = [values["everything else"] for values in found.values()]
    print(f"everything else, last against first: {rest[-1] / rest[0]:.2f} times per constituent")
    sys.exit(0 if rest[-1] <= args.growth * rest[0] else "more than linear")


if __name__ == "__main__":
    main()
