"""Configurations and samples with one mistake each, and what `salt check` says of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
import torch
import yaml

from salt_core import DataFacts


def changed(sample, name: str, dataset: str, change: Callable[[np.ndarray], np.ndarray | None]) -> None:
    """Change one dataset of a sample's file, in place or by what `change` returns."""
    with h5py.File(sample.file(name), "r+") as file:
        rows, attributes = file[dataset][:], dict(file[dataset].attrs)
        new = change(rows)
        del file[dataset]
        file[dataset] = rows if new is None else new
        file[dataset].attrs.update(attributes)


def spoilt(name: str, dataset: str, field: str, row: Any, value: Any) -> Callable[..., None]:
    """Set one value of a file; of a stream, that of a valid constituent."""

    def change(rows):
        place = tuple(np.argwhere(rows["valid"])[row]) if rows.ndim > 1 else row
        rows[field][place] = value

    return lambda sample: changed(sample, name, dataset, change)


def without_field(rows: np.ndarray, field: str) -> np.ndarray:
    kept = [name for name in rows.dtype.names if name != field]
    new = np.empty(rows.shape, [(name, rows.dtype[name]) for name in kept])
    for name in kept:
        new[name] = rows[name]
    return new


def as_type(rows: np.ndarray, field: str, kind: Any, values: Any = None) -> np.ndarray:
    new = np.empty(rows.shape, [(n, kind if n == field else rows.dtype[n]) for n in rows.dtype.names])
    for name in rows.dtype.names:
        new[name] = values if name == field and values is not None else rows[name]
    return new


def norms(**change: Any) -> Callable[..., None]:
    """Change entries ``object__variable`` of the norm dict; None takes one away."""

    def prepare(sample):
        path = sample.folder / "norm_dict.yaml"
        content = yaml.safe_load(path.read_text())
        for key, value in change.items():
            name, _, variable = key.partition("__")
            if value is None:
                del content[name][variable]
            else:
                content[name][variable] = value
        path.write_text(yaml.safe_dump(content))

    return prepare


def text(name: str, content: str) -> Callable[..., None]:
    return lambda sample: (sample.folder / name).write_text(content)


def cut(sample) -> None:
    whole = sample.file("train").read_bytes()
    sample.file("train").write_bytes(whole[: len(whole) // 2])


def empty(sample) -> None:
    changed(sample, "train", "jets", lambda rows: rows[:0])
    changed(sample, "train", "tracks", lambda rows: rows[:0])


def copy_of_other_type(sample) -> None:
    shutil.copy(sample.file("train"), sample.file("other"))
    changed(sample, "other", "jets", lambda rows: as_type(rows, "pt", "f8"))


def checkpoint_of(weights: dict[str, torch.Tensor]) -> Callable[..., None]:
    """Write ``other.ckpt`` and ``part.ckpt``, checkpoints with these weights."""

    def prepare(sample):
        facts = DataFacts("jets", {"jets": ("pt",)}, {"jets": (0.0,)}, {"jets": (1.0,)}, {}, {}).to_plain()
        content = {
            "salt_config": "",
            "salt_facts": facts,
            "state_dict": weights,
            "epoch": 0,
            "global_step": 1,
        }
        for name in ("other", "part"):
            torch.save(content, sample.folder / f"{name}.ckpt")

    return prepare


PLUGIN = '''
from salt_core import Loss, hookimpl


class Broken(Loss):
    """Fails."""

    def __init__(self, how: str = "raise") -> None:
        super().__init__()
        self.how = how

    def forward(self, predictions, targets):
        """Fail as told."""
        if self.how == "raise":
            raise TypeError("no such sum")
        if self.how == "gradient":
            # Finite, but its slope at 0 is not.
            return (predictions.sum(-1) * 0).sqrt()
        return predictions.sum(-1) * float("nan")


@hookimpl
def salt_losses():
    return {"broken": Broken}
'''


def with_plugin(sample) -> None:
    (sample.folder / "broken.py").write_text(PLUGIN)


@dataclass(frozen=True)
class Case:
    """A broken configuration or file.

    Parameters
    ----------
    words : sequence of str
        Flags.
    texts : sequence of str
        What the list must say.
    number : int
        How many problems there are.
    prepare : callable
        Breaks the sample.
    writes : bool
        Whether it is about a run that would write something.
    """

    words: Sequence[str]
    texts: Sequence[str]
    number: int = 1
    prepare: Callable[..., Any] = lambda sample: None
    writes: bool = False


BROKEN_LOSS = ("--plugins", "[broken.py]", "--model.tasks.flavour.loss")

CASES = {
    # the configuration
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
    # devices
    "unknown accelerator": Case(["--trainer.accelerator", "tpuu"], ["trainer: ", "'tpuu'"]),
    "no GPU": Case(["--trainer.accelerator", "gpu"], ["trainer.accelerator", "this machine has no GPU"]),
    "unknown strategy": Case(["--trainer.strategy", "dpp"], ["trainer: ", "'dpp'"]),
    "unknown precision": Case(["--trainer.precision", "15-mixed"], ["trainer.precision", "15-mixed"]),
    "devices that are no number": Case(["--trainer.devices", "0"], ["trainer: "]),
    # files
    "no such file": Case(["--data.train_file", "nope.h5"], ["data.train_file", "nope.h5 does not exist"]),
    "nothing fits": Case(["--data.val_file", "nope_*.h5"], ["data.val_file: no file fits"]),
    "no file named": Case(["--data.train_file", "null"], ["data.train_file: not set"]),
    "file named twice": Case(
        ["--data.train_file", "[train.h5, train.h5]"], ["data.train_file: named more than once"]
    ),
    "not HDF5": Case(
        ["--data.val_file", "text.h5"],
        ["data.val_file", "text.h5 is not an HDF5 file"],
        prepare=text("text.h5", "hello"),
    ),
    "truncated": Case([], ["data.train_file", "train.h5 is truncated"], prepare=cut),
    "no jets": Case([], ["data.train_file", "train.h5 has no jets"], prepare=empty),
    "no dataset": Case(
        ["--data.input_map.tracks", "trcks"],
        ["data.train_file", "data.val_file", "no dataset 'trcks'", "did you mean 'tracks'?"],
        2,
    ),
    "datasets of different length": Case(
        [],
        ["data.val_file", "differ in length"],
        prepare=lambda sample: changed(sample, "val", "tracks", lambda rows: rows[:-1]),
    ),
    "too many jets asked for": Case(
        ["--data.num_val", "1000"], ["data.num_val: 1000 jets are asked for", "has 50"]
    ),
    "missing variable": Case(
        ["--data.variables.jets", "[pt, etta]"],
        [
            "data.train_file",
            "data.val_file",
            "no variable 'etta'; did you mean 'eta'?",
            "data.norm_dict, jets/etta",
        ],
        3,
    ),
    "missing label": Case(
        ["--model.tasks.origin.label", "orign"],
        [
            "data.train_file",
            "data.val_file",
            "no variable 'orign', for which model.tasks.origin asks; did you mean 'origin'",
        ],
        2,
    ),
    "text as variable": Case(
        [],
        ["data.train_file", "jets/eta", "needed: one number per entry"],
        prepare=lambda sample: changed(
            sample, "train", "jets", lambda rows: as_type(rows, "eta", "S3", b"far")
        ),
    ),
    "no flag of validity": Case(
        [],
        ["data.train_file", "no variable 'valid'"],
        prepare=lambda sample: changed(sample, "train", "tracks", lambda rows: without_field(rows, "valid")),
    ),
    "files of different types": Case(
        ["--data.train_file", "[train.h5, other.h5]"],
        ["data.train_file", "/jets/pt is", "other.h5"],
        prepare=copy_of_other_type,
    ),
    # values
    "NaN in a variable": Case(
        [],
        ["data.train_file: ", "tracks/d0 has 1 in 1 of the jets"],
        prepare=spoilt("train", "tracks", "d0", 40, np.nan),
    ),
    "infinite variable of the validation sample": Case(
        [],
        ["data.val_file: ", "jets/eta has 1 in 1 of the jets, rows 33"],
        prepare=spoilt("val", "jets", "eta", 33, np.inf),
    ),
    "label out of range": Case(
        [],
        ["model.tasks.flavour (data.train_file): label jets/flavour_label holds 9", "row 70", "0 (bjets)"],
        prepare=spoilt("train", "jets", "flavour_label", 70, 9),
    ),
    "label out of range in validation": Case(
        [],
        ["model.tasks.origin (data.val_file): label tracks/origin holds 8"],
        prepare=spoilt("val", "tracks", "origin", 12, 8),
    ),
    "label that is no integer": Case(
        [],
        ["model.tasks.flavour (data.train_file)", "floating-point values"],
        prepare=lambda sample: changed(
            sample, "train", "jets", lambda rows: as_type(rows, "flavour_label", "f4")
        ),
    ),
    "vertex that is NaN": Case(
        [],
        ["model.tasks.vertexing (data.train_file)", "tracks/vertex", "not finite"],
        prepare=lambda sample: changed(
            sample, "train", "tracks", lambda rows: as_type(rows, "vertex", "f4", np.nan)
        ),
    ),
    # the model against the data
    "class weights of another number": Case(
        [],
        ["model.tasks.flavour", "2 class weights", "has 4 classes"],
        prepare=text("class_dict.yaml", "jets: {flavour_label: [1.0, 2.0]}\n"),
    ),
    "class weight of zero": Case(
        [],
        ["model.tasks.flavour", "finite and positive"],
        prepare=text("class_dict.yaml", "jets: {flavour_label: [1.0, 2.0, 0.0, 1.0]}\n"),
    ),
    "class weight that is infinite": Case(
        [],
        ["model.tasks.flavour", "finite and positive"],
        prepare=text("class_dict.yaml", "jets: {flavour_label: [1.0, 2.0, .inf, 1.0]}\n"),
    ),
    "class weights that are no list": Case(
        [],
        ["data.class_dict, jets/flavour_label", "a list with a number for each class"],
        prepare=text("class_dict.yaml", "jets: {flavour_label: heavy}\n"),
    ),
    "no class weights": Case(
        ["--data.class_dict", "null"], ["model.tasks.flavour", "data.class_dict has no weights"]
    ),
    "no class dict": Case(
        ["--data.class_dict", "nope.yaml"], ["data.class_dict", "nope.yaml does not exist"]
    ),
    "width of zero": Case(
        [],
        ["data.norm_dict, jets/pt: mean 50.0, std 0.0"],
        prepare=norms(jets__pt={"mean": 50.0, "std": 0.0}),
    ),
    "mean that is NaN": Case(
        [],
        ["data.norm_dict, tracks/hits: mean nan"],
        prepare=norms(tracks__hits={"mean": float("nan"), "std": 1.0}),
    ),
    "variable without normalisation": Case(
        [], ["data.norm_dict, tracks/z0", "does not have it"], prepare=norms(tracks__z0=None)
    ),
    "no norm dict": Case(["--data.norm_dict", "null"], ["data.norm_dict: not set"]),
    "no names of classes": Case(
        ["--model.tasks.flavour.label", "event", "--model.tasks.flavour.loss.weight", "null"],
        ["model.tasks.flavour", "class_names", "no attribute that names the classes of label 'event'"],
    ),
    "task on no input": Case(
        ["--model.tasks.origin.input_name", "jet"], ["model.tasks.origin", "did you mean 'jets'?"]
    ),
    "normalisation that overflows": Case(
        [], ["its loss is nan"], 3, prepare=norms(jets__pt={"mean": 0.0, "std": 1e-42})
    ),
    "weight of a task that is no number": Case(
        ["--model.tasks.origin.weight", ".nan"], ["model.tasks.origin: its loss is nan"]
    ),
    "loss that is NaN": Case(
        [*BROKEN_LOSS, "{plugin: broken, how: nan}"],
        ["model.tasks.flavour: its loss is nan"],
        prepare=with_plugin,
    ),
    "loss that fails": Case(
        [*BROKEN_LOSS, "broken"], ["the first step fails", "TypeError: no such sum"], prepare=with_plugin
    ),
    "gradient that is not finite": Case(
        [*BROKEN_LOSS, "{plugin: broken, how: gradient}"],
        ["model: the first step gives gradients that are not finite"],
        prepare=with_plugin,
    ),
    # the run
    "folder that cannot be": Case(
        ["--trainer.default_root_dir", "tiny.yaml/logs"],
        ["trainer.default_root_dir", "cannot be written"],
        writes=True,
    ),
    "no such checkpoint": Case(["--ckpt_path", "no.ckpt"], ["--ckpt_path", "no.ckpt does not exist"]),
    "damaged checkpoint": Case(
        ["--ckpt_path", "bad.ckpt"],
        ["--ckpt_path", "bad.ckpt cannot be read"],
        prepare=text("bad.ckpt", "PK no more"),
    ),
    "no weights to start from": Case(
        ["--model.init_from", "no.ckpt"], ["model.init_from: the checkpoint", "no.ckpt does not exist"]
    ),
    "weights to start from beside a model that cannot be made": Case(
        ["--model.init_from", "no.ckpt", "--model.encoder", "gn3"],
        ["model.init_from: the checkpoint", "no.ckpt does not exist", "there is no encoder 'gn3'"],
        2,
    ),
    "weights to start from that are none": Case(
        ["--model.init_from", "train.h5"], ["model.init_from: the checkpoint", "cannot be read"]
    ),
    "run without a checkpoint to start from": Case(
        ["--model.init_from", "."], ["model.init_from", "holds no checkpoint"]
    ),
    "weights of another model": Case(
        ["--model.init_from", "other.ckpt"],
        ["model.init_from: no weight of", "1 only there, and left out: other.weight (2)"],
        prepare=checkpoint_of({"other.weight": torch.zeros(2)}),
    ),
    "weights that differ where none may": Case(
        ["--model.init_from", "part.ckpt", "--model.init_strict", "true"],
        ["model.init_from: the weights of", "model.init_strict allows no difference", "new here"],
        prepare=checkpoint_of({"encoder.init_nets.tracks.layers.0.bias": torch.zeros(8)}),
    ),
    "no end of the steps": Case(
        ["--trainer.max_epochs", "-1"], ["trainer.max_epochs", "needs a number of steps"], writes=True
    ),
    "number of batches that is none": Case(
        ["--trainer.accumulate_grad_batches", "0"],
        ["trainer.accumulate_grad_batches: 0 is not allowed; give 1 or more"],
        writes=True,
    ),
    "no batch to train on": Case(
        ["--trainer.limit_train_batches", "0"],
        ["trainer.limit_train_batches: 0 is not allowed"],
        writes=True,
    ),
    "no step": Case(["--trainer.max_steps", "0"], ["trainer.max_steps: 0 is not allowed"], writes=True),
    "share of the batches that is none": Case(
        ["--trainer.limit_train_batches", "0.001"],
        [
            "trainer.limit_train_batches: 0.001 of the 5 batches of an epoch is less than one; give 0.2 or more"
        ],
        writes=True,
    ),
    "validation in no epoch": Case(
        ["--trainer.check_val_every_n_epoch", "0"],
        ["trainer.check_val_every_n_epoch: 0 is not allowed"],
        writes=True,
    ),
    "validation after no batch": Case(
        ["--trainer.val_check_interval", "0"], ["trainer.val_check_interval: 0 is not allowed"], writes=True
    ),
    "validation after more batches than there are": Case(
        ["--trainer.val_check_interval", "6"],
        ["trainer.val_check_interval: validation after each 6 batches, but an epoch has 5; give 5 or less"],
        writes=True,
    ),
    "precision that parameters have too": Case(
        ["--trainer.precision", "bf16-true"], ["trainer.precision: 'bf16-true' does not work; 32-true"]
    ),
    "processes that are spawned": Case(
        ["--trainer.strategy", "ddp_spawn"], ["trainer.strategy: processes that are spawned or forked"]
    ),
    "callback that looks for a learning rate": Case(
        ["--trainer.callbacks.finder", "{class_path: LearningRateFinder}"],
        ["trainer.callbacks: LearningRateFinder has no learning rate to set", "model.lrs_config.max"],
        writes=True,
    ),
    "time limit that is no time": Case(
        ["--time_limit", "soon"], ["--time_limit: 'soon' is no length of time"]
    ),
}
