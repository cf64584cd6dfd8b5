"""Mistakes of a configuration, and devices that are not there."""

from __future__ import annotations

from mistakes.breaking import text
from mistakes.case import Case

CASES = {
    "unknown option": Case(
        ["--model.encoder.num_layrs", "3"],
        ["--model.encoder.num_layrs: there is no such option; did you mean 'num_layers'"],
    ),
    "unknown section": Case(["--modell.x", "3"], ["modell", "did you mean 'model'?"]),
    "wrong type": Case(["--data.batch_size", "many"], ["--data.batch_size: must be int, got 'many'"]),
    "unknown plugin": Case(
        ["--model.encoder", "gn3"], ["--model.encoder: there is no encoder 'gn3': did you mean 'gn2'?"]
    ),
    "unknown loss": Case(
        ["--model.tasks.origin.loss", "cross_entrpy"],
        ["--model.tasks.origin.loss", "did you mean 'cross_entropy'"],
    ),
    "missing option": Case(
        [
            "--model.tasks.more",
            "{plugin: classification, input_name: jets, loss: cross_entropy, hidden_layers: [4]}",
        ],
        ["model.tasks.more.label: is missing"],
    ),
    "no task": Case(
        ["--model.tasks.flavour", "null", "--model.tasks.origin", "null", "--model.tasks.vertexing", "null"],
        ["model.tasks: no task is left"],
    ),
    "task of a name that PyTorch has": Case(
        [
            "--model.tasks.type",
            "{plugin: classification, input_name: jets, label: flavour_label, loss: cross_entropy, "
            "hidden_layers: []}",
        ],
        ["model.tasks: 'type' cannot be a name; choose another one"],
    ),
    "tasks without a name": Case(
        ["--model.tasks", "{'': vertexing, null: vertexing, 3: vertexing, a.b: vertexing}"],
        [f"{name!r} cannot be a name; use a text without dots" for name in ("", None, 3, "a.b")],
        4,
    ),
    "no YAML in a flag": Case(["--model.encoder", "{plugin: gn2"], ["--model.encoder:1:", "not valid YAML"]),
    "no YAML in a file": Case(
        ["--config", "more.yaml"], ["more.yaml:1:", "not valid YAML"], prepare=text("more.yaml", "a: [1")
    ),
    "no such configuration": Case(["--config", "GN9.yaml"], ["--config", "GN9.yaml does not exist"]),
    "no flag": Case(["stray"], ["'stray' is not expected here"]),
    "path that no file can have": Case(
        ["--data.cache_dir", "x" * 256, "--data.norm_dict", "~nobody-is-called-so/n.yaml"],
        [
            "--data.cache_dir: 'xxxxxxxx",
            "is too long for the path of a file",
            "--data.norm_dict: '~nobody-is-called-so/n.yaml': nobody here has such a home folder",
        ],
        2,
    ),
    "no such plugin file": Case(["--plugins", "[nofile.py]"], ["plugins", "nofile.py cannot be read"]),
    "forbidden class": Case(
        ["--trainer.callbacks.mine", "{class_path: os.system}"],
        ["trainer.callbacks.mine.class_path", "'os.system' is not allowed"],
    ),
    "name that is no folder": Case(["--name", "a/b"], ["name: 'a/b' cannot name a folder"]),
    "heads that do not divide": Case(["--model.encoder.num_heads", "3"], ["model.encoder", "3 heads"]),
    "impossible rates": Case(["--model.lrs_config.max", "0"], ["model.lrs_config", "max 0"]),
    "no jets in a batch": Case(["--data.batch_size", "0"], ["data.batch_size: 0 is not a number of jets"]),
    "negative workers": Case(
        ["--data.num_workers", "-2"], ["data.num_workers: -2 is not a number of processes"]
    ),
    "cache size that is none": Case(
        ["--data.loader", "{plugin: packed, cache_limit: lots}"],
        ["data.loader.cache_limit", "'lots' is not a size"],
    ),
    "memory that is no size": Case(
        ["--data.max_memory", "much"], ["data.max_memory", "'much' is not a size"]
    ),
    "shuffle that the loader cannot": Case(
        ["--data.shuffle", "full"], ["data.shuffle", "--data.loader packed"]
    ),
    "stray limit": Case(["--data.num_inputs", "{trcks: 3}"], ["data.num_inputs", "did you mean 'tracks'?"]),
    "monitor that nothing logs": Case(
        ["--trainer.callbacks.checkpoint.monitor", "val/flavor_loss"],
        ["trainer.callbacks", "Checkpoint monitors 'val/flavor_loss'", "did you mean 'val/flavour_loss'"],
        writes=True,
    ),
    "unknown accelerator": Case(["--trainer.accelerator", "tpuu"], ["trainer: ", "'tpuu'"]),
    "no GPU": Case(["--trainer.accelerator", "gpu"], ["trainer.accelerator", "this machine has no GPU"]),
    "unknown strategy": Case(["--trainer.strategy", "dpp"], ["trainer: ", "'dpp'"]),
    "unknown precision": Case(["--trainer.precision", "15-mixed"], ["trainer.precision", "15-mixed"]),
    "devices that are no number": Case(["--trainer.devices", "0"], ["trainer: "]),
}
