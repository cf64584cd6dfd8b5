"""Trainings of salt-ml's own command line for the benchmarks, with sizes and files to choose."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml
from common import LABELS, VARIABLES

#: width, layers, attention heads, out_dim and hidden layers of the heads.
SIZES = {"demo": (128, 2, 4, 64, [64, 32]), "full": (256, 4, 8, 128, [128, 64, 32])}


def component(path, **options):
    """Name a class as salt-ml's YAML does."""
    return {"class_path": path, "init_args": options}


def tasks(out, hidden):
    """Describe the three heads of GN2."""

    def head(name, kind, input_name, label, outputs, inputs, loss, **options):
        net = {"input_size": inputs, "output_size": outputs, "hidden_layers": hidden, "activation": "ReLU"}
        context = {} if input_name == "jets" else {"context_size": out}
        return component(
            f"salt.models.{kind}",
            name=name,
            input_name=input_name,
            label=label,
            loss=component(f"torch.nn.{loss}", **options.pop("loss_options", {})),
            dense_config=net | context,
            **options,
        )

    entropy = "CrossEntropyLoss"
    pairs = {"loss_options": {"reduction": "none"}, "weight": 1.5}
    (flavour,), (origin, vertex) = LABELS["jets"], LABELS["tracks"]
    given = {"use_class_dict": True}
    return [
        head("jets_classification", "ClassificationTask", "jets", flavour, 4, out, entropy, **given),
        head("track_origin", "ClassificationTask", "tracks", origin, 8, out, entropy, weight=0.5, **given),
        head("track_vertexing", "VertexingTask", "tracks", vertex, 1, 2 * out, "BCEWithLogitsLoss", **pairs),
    ]


def config(size, train, val, norm_dict, class_dict, **data):
    """Describe a training of GN2 on the CPU.

    Parameters
    ----------
    size : str
        One of `SIZES`.
    train, val, norm_dict, class_dict : Path
        The files.
    data
        More options of the data, such as ``num_train``.
    """
    width, layers, heads, out, hidden = SIZES[size]
    net = {"output_size": width, "hidden_layers": [width], "activation": "ReLU"}
    encoder = component(
        "salt.models.Transformer",
        num_layers=layers,
        embed_dim=width,
        out_dim=out,
        norm="LayerNorm",
        attn_type="torch-math",
        dense_kwargs={"activation": "ReLU", "gated": False},
        attn_kwargs={"num_heads": heads},
    )
    model = component(
        "salt.models.SaltModel",
        init_nets=[{"input_name": "tracks", "dense_config": net}],
        encoder=encoder,
        pool_net=component("salt.models.GlobalAttentionPooling", input_size=out),
        tasks=component("torch.nn.ModuleList", modules=tasks(out, hidden)),
    )
    rates = {"initial": 1e-7, "max": 5e-4, "end": 1e-5, "pct_start": 0.01, "weight_decay": 1e-5}
    files = {"train_file": train, "val_file": val, "norm_dict": norm_dict, "class_dict": class_dict}
    callbacks = [
        component("salt.callbacks.Checkpoint", monitor_loss="val/jets_classification_loss"),
        component(
            "salt.callbacks.PredictionWriter", write_tracks=False, extra_vars={"jets": VARIABLES["jets"]}
        ),
    ]
    trainer = {"accelerator": "cpu", "devices": 1, "precision": 32, "max_epochs": 1, "logger": False}
    return {
        "name": "GN2",
        "model": {"model": model, "lrs_config": rates},
        "data": {
            "variables": VARIABLES,
            "batch_size": 1000,
            **{name: str(Path(path).resolve()) for name, path in files.items()},
            **data,
        },
        "trainer": trainer | {"callbacks": callbacks},
    }


def run(python, folder, threads, *words):
    """Run salt-ml's command line in `folder`; return how the process used the machine, and its seconds."""
    return timed([python, "-m", "salt.main", *words], folder, threads)


def run_ours(folder, threads, *words):
    """Run our command line."""
    return timed([sys.executable, "-m", "salt_core", *words], folder, threads)


def timed(command, folder, threads):
    """Run a command; return its seconds and its largest memory in bytes. Its output stays in `folder`."""
    import time

    root = Path(__file__).resolve().parents[1]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "PYTHONWARNINGS": "ignore"}
    if command[0] == sys.executable:
        environment["PYTHONPATH"] = str(root)
    log = Path(folder) / "output.log"
    with log.open("a") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            list(map(str, command)), cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(map(str, command))} ended with {process.returncode}:\n{log.read_text()[-3000:]}")
    return seconds, usage.ru_maxrss * 1024


def write_config(folder, content):
    """Write a configuration into `folder`; return its path."""
    path = Path(folder) / "salt_ml.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path
