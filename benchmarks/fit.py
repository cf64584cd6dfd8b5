"""Time a whole ``salt fit`` of one epoch, salt-ml's command line against ours, from start to end of the process.

Both train the small GN2 of the demo on the same file with the same settings: model, batch size,
learning rates, float32, workers, threads. They take turns, so that a drift of the machine's speed
hits both. What salt-ml has trained is taken over by ``salt import``, and the predictions of both for
the validation file must agree; that the losses do, `train_step.py` checks. One more run of ours, not
timed, is watched for its anonymous memory.

Usage::

    python benchmarks/fit.py --train ttbar_train.h5 --val ttbar_val.h5 --norm-dict norm_dict.yaml \
        --class-dict class_dict.yaml --salt-python PATH_OF_PYTHON_WITH_SALT_ML

It ends with an error where ours is not `--times` as fast or needs more than `--memory` MB.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import sys
import tempfile
import threading
from pathlib import Path

import h5py
from common import describe_machine
from evaluate_salt_ml import Ours, SaltMl, check
from salt_ml import config, run, run_ours, write_config


def salt_ml_fit(args, folder):
    """Train once; return the seconds, the largest memory in bytes and the checkpoint."""
    shutil.rmtree(folder / "logs", ignore_errors=True)
    files = (args.train, args.val, args.norm_dict, args.class_dict)
    content = config("demo", *files, num_workers=args.workers, num_train=args.jets)
    path = write_config(folder, content)
    seconds, peak = run(args.salt_python, folder, args.threads, "fit", "--config", path, "--force")
    (ckpt,) = folder.glob("logs/*/ckpts/*.ckpt")
    return seconds, peak, ckpt


def our_fit(args, folder, loader):
    """Train once; return the seconds and the largest memory in bytes."""
    shutil.rmtree(folder / "logs", ignore_errors=True)
    words = ["--config", "GN2.yaml", "--config", "demo.yaml", "--force"]
    settings = {
        "data.train_file": args.train,
        "data.val_file": args.val,
        "data.norm_dict": args.norm_dict,
        "data.class_dict": args.class_dict,
        "data.batch_size": 1000,
        "data.num_train": args.jets,
        "data.num_workers": args.workers if loader == "hdf5" else 0,
        "data.loader": loader,
        "trainer.max_epochs": 1,
        "trainer.log_every_n_steps": 50,
    }
    if loader == "packed":
        settings["data.cache_dir"] = folder / "stores"
    words += [word for key, value in settings.items() for word in (f"--{key}", value)]
    return run_ours(folder, args.threads, "fit", *words)


class Trained(SaltMl):
    """What `salt_ml_fit` has trained, to be evaluated."""

    def __init__(self, args, folder, ckpt):
        self.args, self.folder, self.ckpt = args, folder, ckpt
        self.config = ckpt.parents[1] / "config.yaml"


class Watch(threading.Thread):
    """Follows the anonymous memory of this process's children and theirs; `peak` is the largest sum in bytes."""

    def __init__(self, interval=0.1):
        super().__init__(daemon=True)
        self.interval, self.peak, self.over = interval, 0, threading.Event()

    def run(self):
        """Look now and then until it is over."""
        while not self.over.wait(self.interval):
            self.peak = max(self.peak, sum(map(anonymous, descendants(os.getpid()))))


def descendants(pid):
    """List the processes that a process has started, and those that they have."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


def anonymous(pid):
    """Return the bytes of a process's own memory, shared pages divided by those who share; 0 where it has ended."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = re.search(r"Pss_Anon:\s+(\d+) kB", rollup)
    return int(found[1]) * 1024 if found else 0


def watched(args, folder):
    """Return the largest anonymous memory of one more training, its workers' included, in bytes."""
    watch = Watch()
    watch.start()
    our_fit(args, folder, "hdf5")
    watch.over.set()
    watch.join()
    return watch.peak


def parse():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", type=Path, required=True, help="HDF5 file of jets to train on")
    parser.add_argument("--val", type=Path, required=True, help="HDF5 file of jets to validate on")
    parser.add_argument("--norm-dict", type=Path, required=True)
    parser.add_argument("--class-dict", type=Path, required=True)
    parser.add_argument("--salt-python", type=Path, required=True, help="python with salt-ml 0.13")
    parser.add_argument("--jets", type=int, default=-1, help="jets to train on; all by default")
    parser.add_argument("--workers", type=int, default=1, help="processes that read, of both")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=float, default=5.0, help="required: so many times faster")
    parser.add_argument("--memory", type=float, default=1000, help="required: at most so many MB of ours")
    args = parser.parse_args()
    for name in ("train", "val", "norm_dict", "class_dict"):
        setattr(args, name, getattr(args, name).resolve())
    args.salt_python = args.salt_python.absolute()  # a link into a virtual environment stays one
    return args


def measure(args, folders):
    """Let both take turns; return the seconds of salt-ml and of ours with each loader, by round."""
    rounds = []
    for number in range(args.rounds):
        theirs, their_peak, ckpt = salt_ml_fit(args, folders[0])
        if number == 0:
            trained = Trained(args, folders[0], ckpt)
            check(Ours(args, folders[0], trained), trained, args.val)
        hdf5, peak = our_fit(args, folders[1], "hdf5")
        packed, _ = our_fit(args, folders[1], "packed")
        rounds.append((theirs, hdf5, packed))
        print(
            f"round {number + 1}: salt-ml {theirs:.1f} s, {their_peak / 1e6:,.0f} MB   "
            f"hdf5 {hdf5:.1f} s, {peak / 1e6:,.0f} MB   packed {packed:.1f} s   {theirs / hdf5:.2f} times",
            flush=True,
        )
    return rounds


def main():
    """Train both, check, and compare."""
    args = parse()
    describe_machine()
    with h5py.File(args.train) as file:
        jets = len(file["jets"]) if args.jets < 0 else args.jets
    print(f"{jets:,} jets, batches of 1000, {args.workers} workers, {args.threads} threads, float32, 1 epoch")
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / side for side in ("salt_ml", "ours")]
        for folder in folders:
            folder.mkdir()
        rounds = measure(args, folders)
        memory = watched(args, folders[1]) / 1e6
    ratios = {
        loader: statistics.median(row[0] / row[place] for row in rounds)
        for place, loader in ((1, "hdf5"), (2, "packed"))
    }
    print("times faster, median: " + ", ".join(f"{loader} {ratio:.2f}" for loader, ratio in ratios.items()))
    print(f"anonymous memory of ours, all processes: {memory:,.0f} MB at most")
    good = ratios["hdf5"] >= args.times and memory <= args.memory
    sys.exit(0 if good else "not as fast or as small as required")


if __name__ == "__main__":
    main()
