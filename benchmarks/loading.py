"""Time reading, shuffled, of what GN2 needs: salt-ml's dataset and sampler against the loaders hdf5 and packed.

Every side is one process that reads with no worker processes, 1000 jets a batch. They take turns in
blocks of about equal time, so that a drift of the machine's speed hits all. Packing takes turns with
h5py, which reads the same rows and does nothing with them. At last a store that is ten times as large as
the memory for loading is trained from, and the trainer's anonymous memory is watched.

Usage::

    python benchmarks/loading.py --jets ttbar_train.h5 --norm-dict norm_dict.yaml \
        --class-dict class_dict.yaml --salt-python PATH_OF_PYTHON_WITH_SALT_ML

It ends with an error where a bound does not hold.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import LABELS, VARIABLES, Worker, answer, describe_machine

ROWS_AT_ONCE = 10_000


def salt_ml_batches(args):
    """Return a function that gives one epoch of salt-ml's batches, as its data module makes them."""
    from salt.data import SaltDataset
    from salt.data.samplers import RandomBatchSampler
    from torch.utils.data import DataLoader

    dataset = SaltDataset(args.jets, args.norm_dict, VARIABLES, "train", labels=LABELS)
    sampler = RandomBatchSampler(dataset, args.batch, shuffle=True, drop_last=True)
    loader = DataLoader(dataset, sampler=sampler, batch_size=None, num_workers=0)
    return lambda: ((len(inputs["jets"]), None) for inputs, _, _ in loader)


def our_batches(args):
    """Return a function that gives one epoch of ours."""
    from salt_core.interfaces.dataloader import LoadRequest, Selection
    from salt_plugins.dataloaders.hdf5.loader import Hdf5
    from salt_plugins.dataloaders.packed.loader import Packed

    selection = Selection("jets", VARIABLES, LABELS, {name: name for name in VARIABLES}, {})
    request = LoadRequest(
        (args.jets,),
        selection,
        batch_size=args.batch,
        training=True,
        shuffle="full" if args.worker == "packed" else None,
        cache_dir=args.folder / "cache",
    )
    loader = {"hdf5": Hdf5, "packed": Packed}[args.worker]().build(request)
    return lambda: ((batch.num_jets, batch) for batch in loader)


def packer(args):
    """Return a function that packs the file into a new store."""
    from salt_core.interfaces.dataloader import LoadRequest, Selection
    from salt_plugins.dataloaders.packed.loader import Packed

    selection = Selection("jets", VARIABLES, LABELS, {name: name for name in VARIABLES}, {})

    def pack():
        store = args.folder / "store"
        Packed().pack(LoadRequest((args.jets,), selection), store)
        shutil.rmtree(store)

    return pack


def plain_reader(args):
    """Return a function that reads the same rows with h5py alone."""
    import h5py

    def read():
        with h5py.File(args.jets, "r") as file:
            for start in range(0, len(file["jets"]), ROWS_AT_ONCE):
                for name in VARIABLES:
                    file[name][start : start + ROWS_AT_ONCE]

    return read


def prepare(args):
    """Make one side ready, and return what answers its requests."""
    if args.worker in ("packing", "h5py"):
        action = {"packing": packer, "h5py": plain_reader}[args.worker](args)

        def once():
            start = time.perf_counter()
            action()
            return time.perf_counter() - start

        return {"once": once}
    import torch

    torch.set_num_threads(1)
    epoch = (salt_ml_batches if args.worker == "salt-ml" else our_batches)(args)

    def rate(seconds):
        """Read for so long, in whole epochs of those who are fast, and return jets and seconds."""
        jets, start = 0, time.perf_counter()
        while True:
            for number, _ in epoch():
                jets += number
                if args.worker == "salt-ml" and time.perf_counter() - start > seconds:
                    break
            if time.perf_counter() - start > seconds:
                return jets, time.perf_counter() - start

    return {"rate": rate}


def side(args, name):
    """Start one side."""
    python = args.salt_python if name == "salt-ml" else sys.executable
    return Worker(python, __file__, *sys.argv[1:], "--worker", name, "--folder", str(args.folder))


def compare_loaders(args):
    """Print jets/s of all loaders, and return whether the bounds hold."""
    names = ("salt-ml", "hdf5", "packed")
    sides = {name: side(args, name) for name in names}
    for worker in sides.values():
        worker.ask("rate", args.seconds / 4)
    blocks = []
    for block in range(args.blocks):
        found = {name: worker.ask("rate", args.seconds) for name, worker in sides.items()}
        blocks.append({name: jets / seconds for name, (jets, seconds) in found.items()})
        print(
            f"block {block + 1}: "
            + "   ".join(f"{name} {blocks[-1][name] / 1e6:.3f} M jets/s" for name in names)
        )
    for worker in sides.values():
        worker.end()
    times = {name: [block[name] / block["salt-ml"] for block in blocks] for name in names[1:]}
    for name, ratios in times.items():
        spread = f"blocks {min(ratios):.2f} to {max(ratios):.2f}"
        print(f"{name}: {statistics.median(ratios):.2f} times salt-ml's jets/s ({spread})")
    return (
        statistics.median(times["packed"]) >= args.packed_times
        and statistics.median(times["hdf5"]) >= args.hdf5_times
    )


def compare_packing(args):
    """Print how fast packing is beside plain reading, and return whether the bound holds."""
    packing, reading = side(args, "packing"), side(args, "h5py")
    pairs = [(packing.ask("once"), reading.ask("once")) for _ in range(args.blocks + 1)][1:]
    for worker in (packing, reading):
        worker.end()
    shares = [read / pack for pack, read in pairs]
    print(
        f"packing: {statistics.median(shares):.2f} of the rate at which h5py alone reads the same rows "
        f"(pairs {min(shares):.2f} to {max(shares):.2f})"
    )
    return statistics.median(shares) >= args.packing_share


def watch_memory(args):
    """Train from a store ten times as large as the memory for loading, and return whether that is enough."""
    from salt_core.sizes import readable
    from salt_plugins.dataloaders.packed.manifest import Manifest

    links = args.folder / "links"
    links.mkdir()
    one = args.folder / "cache"
    side(argparse.Namespace(**vars(args)), "packed").ask("rate", 0)
    size = next(Manifest.read(path).bytes for path in one.iterdir() if (path / "manifest.json").is_file())
    for number in range(math.ceil(10 * args.max_memory / size)):
        (links / f"jets_{number:04d}.h5").symlink_to(args.jets.resolve())
    command = [
        *(sys.executable, "-m", "salt_core", "fit", "--config", "GN2.yaml", "--config", "demo.yaml"),
        *("--config", "packed.yaml", "--force", "--data.shuffle", "blocks"),
        *(
            "--data.train_file",
            f"{links}/*.h5",
            "--data.val_file",
            str(args.jets.resolve()),
            "--data.num_val",
            "1000",
        ),
        *(
            "--data.norm_dict",
            str(args.norm_dict.resolve()),
            "--data.class_dict",
            str(args.class_dict.resolve()),
        ),
        *("--data.batch_size", str(args.batch), "--data.max_memory", str(args.max_memory)),
        *("--data.cache_dir", str(one), "--data.num_workers", "0", "--trainer.max_epochs", "1"),
        *("--trainer.limit_train_batches", str(args.steps), "--trainer.enable_progress_bar", "false"),
    ]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    peak = 0
    with (args.folder / "fit.log").open("w") as log:
        fit = subprocess.Popen(command, cwd=args.folder, env=environment, stdout=log, stderr=log)
        while fit.poll() is None:
            peak = max(peak, anonymous(fit.pid))
            time.sleep(0.02)
    said = (args.folder / "fit.log").read_text()
    if fit.returncode:
        sys.exit(f"the training failed:\n{said[-3000:]}")
    print("\n".join(line for line in said.splitlines() if "packed" in line))
    print(
        f"anonymous memory of the training: at most {readable(peak)}, data.max_memory {readable(args.max_memory)} "
        f"({args.steps} steps of {args.batch} jets)"
    )
    return peak < args.max_memory


def anonymous(pid):
    """Return the anonymous resident memory of a process, in bytes; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


def parse():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jets", type=Path, required=True, help="HDF5 file of jets")
    parser.add_argument("--norm-dict", type=Path, required=True)
    parser.add_argument("--class-dict", type=Path, required=True)
    parser.add_argument("--salt-python", type=Path, required=True, help="python with salt-ml 0.13")
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--blocks", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3, help="of each side in a block")
    parser.add_argument("--packed-times", type=float, default=30, help="required of packed")
    parser.add_argument("--hdf5-times", type=float, default=1, help="required of hdf5")
    parser.add_argument("--packing-share", type=float, default=0.6, help="required of packing")
    parser.add_argument(
        "--max-memory", type=int, default=700_000_000, help="bytes; the store is ten times as large"
    )
    parser.add_argument("--steps", type=int, default=600, help="of the training from the large store")
    parser.add_argument("--parts", nargs="+", default=["loaders", "packing", "memory"])
    parser.add_argument("--scratch", type=Path, help="local folder with room for the large store")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    """Run one side, or start all of them and compare."""
    args = parse()
    if args.worker:
        answer(lambda: prepare(args))
        return
    with tempfile.TemporaryDirectory(dir=args.scratch) as folder:
        args.folder = Path(folder)
        describe_machine()
        parts = {"loaders": compare_loaders, "packing": compare_packing, "memory": watch_memory}
        good = [part(args) for name, part in parts.items() if name in args.parts]
    sys.exit(0 if all(good) else "not as fast or as small as required")


if __name__ == "__main__":
    main()
