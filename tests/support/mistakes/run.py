"""Mistakes of a run: its folder, what it starts from, and its length."""

from __future__ import annotations

import torch

from mistakes.breaking import checkpoint_of, text
from mistakes.case import Case

CASES = {
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
