"""Time a training step of GN2, salt-ml on padded tensors against ours on packed ones.

Both run in a process of their own, each in its own virtual environment, on the same jets, with the
same weights: forward, backward and AdamW. They take turns in blocks of steps, so that a drift of the
machine's speed hits both. Before anything is timed, the losses must agree. Then the matrix products
of our step are timed alone, and the time of the step is divided among its kinds of operations.

Usage::

    python benchmarks/train_step.py --jets ttbar_train.h5 --norm-dict norm_dict.yaml \
        --class-dict class_dict.yaml --salt-python PATH_OF_PYTHON_WITH_SALT_ML

`--size demo` takes the small GN2 of the demo, `--precision bf16-mixed` has both sides compute under
autocast, `--device cuda` on a GPU. `--ways plain compile graphs` times ours as it is, as `--compile` and as
`--compile graphs` make it, each in a process of its own; the first of them is what is explained and
required. It ends with an error where ours is not `--times` as fast or needs more than `--memory` of the
memory.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

from common import LABELS, VARIABLES, Worker, answer, describe_machine
from salt_ml import SIZES

STREAMS = ["tracks"]
WEIGHTS = {"jets_classification": 1.0, "track_origin": 0.5, "track_vertexing": 1.5}
TASKS = list(WEIGHTS)
#: The values of `--compile` by the names that they have here.
WAYS = {"plain": False, "compile": True, "graphs": "graphs"}
FLAVOURS = ["bjets", "cjets", "ujets", "taus"]
ORIGINS = ["pileup", "fake", "primary", "fromB", "fromBC", "fromC", "fromTau", "otherSecondary"]


class SaltMl:
    """A training step of salt-ml."""

    def __init__(self, args):
        import numpy as np
        import torch
        from salt.data import SaltDataset
        from salt.modelwrapper import ModelWrapper

        model = salt_ml_model(args)
        np.savez(args.weights, **{name: value.numpy() for name, value in model.state_dict().items()})
        names = {name: name for name in VARIABLES}
        norm = {
            "norm_dict": args.norm_dict,
            "variables": VARIABLES,
            "global_object": "jets",
            "input_map": names,
        }
        self.model = ModelWrapper(model, {}, "jets", norm)
        dataset = SaltDataset(args.jets, args.norm_dict, VARIABLES, "train", args.batch, labels=LABELS)
        self.inputs, self.masks, self.labels = moved(dataset[slice(0, args.batch)], args.device)
        self.model.to(args.device)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4, weight_decay=1e-5)

    def losses(self):
        """Return the weighted losses of all tasks by name."""
        return self.model(dict(self.inputs), self.masks, self.labels)[1]


def moved(batch, device):
    """Return nested tensors on `device`."""
    if isinstance(batch, dict):
        return {key: moved(value, device) for key, value in batch.items()}
    return [moved(value, device) for value in batch] if isinstance(batch, list | tuple) else batch.to(device)


def salt_ml_model(args):
    """Build what the reference configuration describes."""
    import torch
    from salt.models import ClassificationTask, GlobalAttentionPooling, SaltModel, Transformer, VertexingTask
    from torch import nn

    def head(inputs, outputs, context=0):
        sizes = {"input_size": inputs, "output_size": outputs, "context_size": context}
        return sizes | {"hidden_layers": args.head, "activation": "ReLU"}

    def cross_entropy(name, label):
        return nn.CrossEntropyLoss(weight=torch.tensor(class_dict(args)[name][label]))

    torch.manual_seed(0)
    out = args.out
    tasks = [
        ClassificationTask(
            "flavour_label",
            FLAVOURS,
            name=TASKS[0],
            input_name="jets",
            loss=cross_entropy("jets", "flavour_label"),
            dense_config=head(out, len(FLAVOURS)),
        ),
        ClassificationTask(
            "ftagTruthOriginLabel",
            ORIGINS,
            name=TASKS[1],
            input_name="tracks",
            loss=cross_entropy("tracks", "ftagTruthOriginLabel"),
            dense_config=head(out, len(ORIGINS), out),
            weight=WEIGHTS[TASKS[1]],
        ),
        VertexingTask(
            "ftagTruthVertexIndex",
            name=TASKS[2],
            input_name="tracks",
            loss=nn.BCEWithLogitsLoss(reduction="none"),
            dense_config=head(2 * out, 1, out),
            weight=WEIGHTS[TASKS[2]],
        ),
    ]
    init_net = {
        "input_name": "tracks",
        "dense_config": {"output_size": args.width, "hidden_layers": [args.width], "activation": "ReLU"},
        "variables": VARIABLES,
        "global_object": "jets",
    }
    encoder = Transformer(
        num_layers=args.layers,
        embed_dim=args.width,
        out_dim=out,
        attn_type="torch-math",
        norm="LayerNorm",
        dense_kwargs={"activation": "ReLU", "gated": False},
        attn_kwargs={"num_heads": args.heads},
    )
    return SaltModel([init_net], nn.ModuleList(tasks), encoder=encoder, pool_net=GlobalAttentionPooling(out))


class Ours:
    """A training step of ours."""

    def __init__(self, args):
        import numpy as np

        from salt_core.heap import keep_freed_memory
        from salt_plugins.salt_ml.weights import load_weights

        if args.device == "cpu":
            keep_freed_memory()  # as salt fit does
        self.model = our_model(args, WAYS[args.way])
        load_weights(self.model, dict(np.load(args.weights)), STREAMS, TASKS)
        self.model.to(args.device)
        self.optimizer = self.model.optimizer.build(self.model, 1e-4, 1e-5)
        self.batch = our_batch(args).to(args.device)

    def losses(self):
        """Return the weighted losses of all tasks by name."""
        return self.model.losses(self.model(self.batch), self.batch)


def our_model(args, compiled=False):
    """Build the same model of plugins; `compiled` is the option of that name."""
    from salt_core import DataFacts
    from salt_core.data.norms import normalisation
    from salt_core.training.module import SaltModule
    from salt_plugins.encoders.gn2.encoder import GN2, InitNet
    from salt_plugins.losses.binary_cross_entropy.loss import BinaryCrossEntropy
    from salt_plugins.losses.cross_entropy.loss import CrossEntropy
    from salt_plugins.optimizers.adamw.factory import AdamW
    from salt_plugins.tasks.classification.head import Classification
    from salt_plugins.tasks.vertexing.head import Vertexing

    def classification(input_name, class_names, weight):
        loss = CrossEntropy("class_dict")
        label = LABELS[input_name][0]
        return Classification(input_name, label, loss, args.head, class_names, weight=weight)

    tasks = {
        TASKS[0]: classification("jets", FLAVOURS, WEIGHTS[TASKS[0]]),
        TASKS[1]: classification("tracks", ORIGINS, WEIGHTS[TASKS[1]]),
        TASKS[2]: Vertexing(
            "tracks", *reversed(LABELS["tracks"]), BinaryCrossEntropy(), args.head, weight=WEIGHTS[TASKS[2]]
        ),
    }
    encoder = GN2({"tracks": InitNet([args.width])}, args.layers, args.width, args.heads, args.out)
    model = SaltModule(encoder, tasks, AdamW())
    means, stds = normalisation(args.norm_dict, VARIABLES, {name: name for name in VARIABLES})
    model.build(DataFacts("jets", VARIABLES, means, stds, {}, class_dict(args)), compiled)
    return model


def our_batch(args):
    """Read the first jets, packed."""
    from salt_core.data.assemble import batch_of
    from salt_core.data.rows import JetFiles
    from salt_core.interfaces.dataloader import Selection

    selection = Selection("jets", VARIABLES, LABELS, {name: name for name in VARIABLES}, {})
    files = JetFiles([args.jets], selection)
    return batch_of(files.read(0, args.batch), selection, files.places)


def class_dict(args):
    """Read the class weights by object and label."""
    import yaml

    return yaml.safe_load(args.class_dict.read_text())


def prepare(args):
    """Make one side ready, and return what answers its requests."""
    import torch

    torch.set_num_threads(args.threads)
    side = {"salt-ml": SaltMl, "ours": Ours}[args.worker](args)

    def autocast():
        return torch.autocast(args.device, torch.bfloat16, enabled=args.precision == "bf16-mixed")

    def losses():
        with torch.no_grad(), autocast():
            return {name: float(loss) for name, loss in side.losses().items()}

    def step():
        side.optimizer.zero_grad()
        with autocast():
            total = sum(side.losses().values())
        total.backward()
        side.optimizer.step()
        if args.device == "cuda":
            torch.cuda.synchronize()

    def steps(number, seconds=math.inf):
        times = []
        while len(times) < number and (len(times) < 3 or sum(times) < seconds):
            start = time.perf_counter()
            step()
            times.append(time.perf_counter() - start)
        return times

    def facts():
        return {
            "torch": torch.__version__,
            "python": platform.python_version(),
            "parameters": sum(p.numel() for p in side.model.parameters()),
            "peak": peak(args.device),
        }

    def products():
        from pieces import products

        return products(step, args.device)

    def attributed():
        from pieces import attributed

        return attributed(step, args.device)

    return {
        "losses": losses,
        "steps": steps,
        "facts": facts,
        "products": products,
        "attributed": attributed,
    }


def peak(device):
    """Return the largest memory so far in bytes: of the process, or of its tensors on a GPU."""
    import torch

    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def check_losses(args, way, ours, theirs):
    """Stop where a loss differs by more than 1e-4 of itself, or 2% where both round to 8 bits."""
    mine, other = ours.ask("losses"), theirs.ask("losses")
    for name in TASKS:
        difference = abs(mine[name] - other[name]) / abs(other[name])
        print(f"loss {name:20s} salt-ml {other[name]:.7f}   {way} {mine[name]:.7f}   ({difference:.1e})")
        if not difference < (2e-2 if args.precision == "bf16-mixed" else 1e-4):
            sys.exit(f"the two compute different things: {name}")


def measure(args, ours, theirs):
    """Let all take turns of about equal time; return the median times of a step by block, salt-ml's first."""
    # salt-ml's steps become faster for some ten steps, as its process's memory settles.
    for worker in (theirs, *ours.values()):
        worker.ask("steps", args.warmup)
    blocks = []
    for block in range(args.blocks):
        theirs_times = theirs.ask("steps", args.salt_steps)
        our_times = [worker.ask("steps", args.our_steps, sum(theirs_times)) for worker in ours.values()]
        blocks.append([statistics.median(times) for times in (theirs_times, *our_times)])
        told = [
            f"{way} {seconds:.3f} s   {blocks[-1][0] / seconds:.2f} times"
            for way, seconds in zip(ours, blocks[-1][1:], strict=True)
        ]
        print("   ".join([f"block {block + 1}: salt-ml {blocks[-1][0]:.3f} s", *told]), flush=True)
    return blocks


def report(args, way, blocks, ours, theirs):
    """Print the result of one way of ours; return whether it is what is required."""
    theirs_times, our_times = zip(*blocks, strict=True)
    ratios = [a / b for a, b in blocks]
    ratio = statistics.median(ratios)
    peaks = [worker.ask("facts")["peak"] for worker in (theirs, ours)]
    medians = statistics.median(theirs_times), statistics.median(our_times)
    print(f"median step: salt-ml {medians[0]:.3f} s   {way} {medians[1]:.3f} s")
    print(f"times faster: median {ratio:.2f}, blocks {min(ratios):.2f} to {max(ratios):.2f}")
    share = peaks[1] / peaks[0]
    print(f"peak memory: salt-ml {peaks[0] / 1e9:.2f} GB   ours {peaks[1] / 1e9:.2f} GB   share {share:.3f}")
    return ratio >= args.times and share <= args.memory


def explain(ours, seconds):
    """Print what our step of so many `seconds` is made of."""
    alone = ours.ask("products")
    flops = alone["flops"] / 1e9
    print(f"our step: {flops:.1f} Gflop in {seconds:.3f} s, {flops / seconds:.0f} Gflop/s")
    print(f"its matrix products alone: {alone['seconds']:.3f} s, {flops / alone['seconds']:.0f} Gflop/s")
    print(f"a large matrix product: {alone['rate'] / 1e9:.0f} Gflop/s")
    print(f"share of the rate of its matrix products: {alone['seconds'] / seconds:.3f}")
    parts = ours.ask("attributed")
    total = sum(parts.values())
    for kind, spent in sorted(parts.items(), key=lambda part: -part[1]):
        print(f"  {kind:26s}{1000 * spent:8.1f} ms{spent / total:8.1%}")


def describe(args, ours, theirs):
    """Print machine, versions, sizes and command."""
    describe_machine()
    print(f"threads: {args.threads}")
    for name, worker in (("salt-ml", theirs), ("ours", ours)):
        facts = worker.ask("facts")
        print(f"{name}: python {facts['python']}, torch {facts['torch']}, {facts['parameters']} parameters")
    print(
        f"GN2: width {args.width}, {args.layers} layers, {args.heads} heads, out_dim {args.out}, "
        f"heads {args.head}, batch {args.batch}, {args.precision}, {args.device}"
    )


def parse():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jets", type=Path, required=True, help="HDF5 file of jets")
    parser.add_argument("--norm-dict", type=Path, required=True)
    parser.add_argument("--class-dict", type=Path, required=True)
    parser.add_argument("--salt-python", type=Path, required=True, help="python with salt-ml 0.13")
    parser.add_argument("--size", choices=SIZES, default="full")
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--precision", choices=["32-true", "bf16-mixed"], default="32-true")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--blocks", type=int, default=7)
    parser.add_argument("--warmup", type=int, default=12, help="steps of each before the blocks")
    parser.add_argument("--salt-steps", type=int, default=1, help="steps of salt-ml in a block")
    parser.add_argument("--our-steps", type=int, default=12, help="at most so many steps of ours in a block")
    parser.add_argument(
        "--times", type=float, help="required: so many times faster; 9, 7 for bf16, 6 for demo"
    )
    parser.add_argument("--memory", type=float, default=0.36, help="required: at most this share of memory")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=["plain"], help="how ours is compiled")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--worker", choices=["salt-ml", "ours"], help=argparse.SUPPRESS)
    parser.add_argument("--weights", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.times is None:
        args.times = 6.0 if args.size == "demo" else {"32-true": 9.0, "bf16-mixed": 7.0}[args.precision]
    args.width, args.layers, args.heads, args.out, args.head = SIZES[args.size]
    return args


def sides(weights, name, way="plain"):
    """Return the arguments that make this script one side."""
    return [__file__, *sys.argv[1:], "--worker", name, "--weights", str(weights), "--way", way]


def main():
    """Run one worker, or start both and compare them."""
    args = parse()
    if args.worker:
        answer(lambda: prepare(args))
        return
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "weights.npz"
        theirs = Worker(args.salt_python, *sides(weights, "salt-ml"))
        theirs.ask("facts")  # it has written its weights once it answers
        ours = {way: Worker(sys.executable, *sides(weights, "ours", way)) for way in args.ways}
        first = ours[args.ways[0]]
        describe(args, first, theirs)
        for way, worker in ours.items():
            check_losses(args, way, worker, theirs)
        blocks = measure(args, ours, theirs)
        reports = [
            report(args, way, [(block[0], block[i]) for block in blocks], worker, theirs)
            for i, (way, worker) in enumerate(ours.items(), start=1)
        ]
        explain(first, statistics.median(block[1] for block in blocks))
        for worker in (theirs, *ours.values()):
            worker.end()
    good = reports[0]
    sys.exit(0 if good else "not as fast or as small as required")


if __name__ == "__main__":
    main()
