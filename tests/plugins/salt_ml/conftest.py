"""A configuration as salt-ml 0.13 takes it, and a checkpoint of it with random weights."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch

from salt_core.config.paths import shipped_configs
from salt_core.config.yaml import dump_yaml, load_yaml

DEMO = Path(__file__).parents[3] / "salt_core" / "demo"
WIDTH, OUT, HIDDEN = 32, 16, 16
NUM_CLASSES = {"jets_classification": 4, "track_origin": 8, "track_vertexing": 1}
VARIABLES = load_yaml(shipped_configs()["GN2.yaml"])["data"]["variables"]


def _component(path: str, **options: Any) -> dict[str, Any]:
    return {"class_path": path, "init_args": options}


def _head(inputs: int, outputs: int, context: int = 0) -> dict[str, Any]:
    found = {"input_size": inputs, "output_size": outputs, "hidden_layers": [HIDDEN], "activation": "ReLU"}
    return found | ({"context_size": context} if context else {})


def _tasks() -> list[dict[str, Any]]:
    loss = _component("torch.nn.CrossEntropyLoss")
    pairs = _component("torch.nn.BCEWithLogitsLoss", reduction="none")
    return [
        _component(
            "salt.models.ClassificationTask",
            name="jets_classification",
            input_name="jets",
            label="flavour_label",
            use_class_dict=True,
            loss=loss,
            dense_config=_head(OUT, 4),
        ),
        _component(
            "salt.models.ClassificationTask",
            name="track_origin",
            input_name="tracks",
            label="ftagTruthOriginLabel",
            use_class_dict=True,
            weight=0.5,
            loss=loss,
            dense_config=_head(OUT, 8, OUT),
        ),
        _component(
            "salt.models.VertexingTask",
            name="track_vertexing",
            input_name="tracks",
            label="ftagTruthVertexIndex",
            weight=1.5,
            loss=pairs,
            dense_config=_head(2 * OUT, 1, OUT),
        ),
    ]


def _old_config() -> dict[str, Any]:
    """Return the whole configuration of a small GN2."""
    encoder = _component(
        "salt.models.Transformer",
        num_layers=2,
        embed_dim=WIDTH,
        out_dim=OUT,
        norm="LayerNorm",
        attn_type="torch-math",
        do_final_norm=True,
        dense_kwargs={"activation": "ReLU", "gated": False},
        attn_kwargs={"num_heads": 2},
    )
    init_net = {"output_size": WIDTH, "hidden_layers": [WIDTH], "activation": "ReLU"}
    model = _component(
        "salt.models.SaltModel",
        init_nets=[{"input_name": "tracks", "dense_config": init_net}],
        encoder=encoder,
        pool_net=_component("salt.models.GlobalAttentionPooling", input_size=OUT),
        tasks=_component("torch.nn.ModuleList", modules=_tasks()),
    )
    writer = _component(
        "salt.callbacks.PredictionWriter",
        write_tracks=True,
        extra_vars={"jets": ["pt_btagJes"], "tracks": ["ftagTruthOriginLabel"]},
    )
    files = {f"{kind}_file": str(DEMO / f"demo_{kind}.h5") for kind in ("train", "val")}
    dicts = {name: str(DEMO / f"{name}.yaml") for name in ("norm_dict", "class_dict")}
    return {
        "name": "old_GN2",
        "model": {
            "model": model,
            "lrs_config": {
                "initial": 1e-7,
                "max": 5e-4,
                "end": 1e-5,
                "pct_start": 0.01,
                "weight_decay": 1e-5,
            },
        },
        "data": {"variables": deepcopy(VARIABLES), "batch_size": 500, "num_workers": 0, **files, **dicts},
        "trainer": {
            "accelerator": "cpu",
            "devices": 1,
            "precision": 32,
            "max_epochs": 1,
            "logger": False,
            "callbacks": [
                _component("salt.callbacks.Checkpoint", monitor_loss="val/jets_classification_loss"),
                writer,
            ],
        },
    }


def _shapes() -> dict[str, tuple[int, ...]]:
    num_inputs = sum(len(names) for names in VARIABLES.values())
    shapes: dict[str, tuple[int, ...]] = {
        "encoder.registers": (1, WIDTH),
        "encoder.register_mask": (1,),
        "encoder.out_proj.weight": (OUT, WIDTH),
        "encoder.out_proj.bias": (OUT,),
        "pool_net.gate_nn.weight": (1, OUT),
        "pool_net.gate_nn.bias": (1,),
        "tasks.0.loss.weight": (4,),
        "tasks.1.loss.weight": (8,),
    }
    for layer in range(2):
        shapes |= {
            f"encoder.layers.{layer}.{name}": shape
            for name, shape in {
                "attn.fn.in_proj_weight": (3 * WIDTH, WIDTH),
                "attn.fn.in_proj_bias": (3 * WIDTH,),
                "attn.fn.out_proj.weight": (WIDTH, WIDTH),
                "attn.fn.out_proj.bias": (WIDTH,),
                "dense.fn.in_proj.weight": (2 * WIDTH, WIDTH),
                "dense.fn.in_proj.bias": (2 * WIDTH,),
                "dense.fn.out_proj.weight": (WIDTH, 2 * WIDTH),
                "dense.fn.out_proj.bias": (WIDTH,),
            }.items()
        }
    nets = {"init_nets.0": (num_inputs, WIDTH, WIDTH)}
    inputs = (OUT, 2 * OUT, 3 * OUT)
    for number, (size, classes) in enumerate(zip(inputs, NUM_CLASSES.values(), strict=True)):
        nets[f"tasks.{number}"] = (size, HIDDEN, classes)
    for net, sizes in nets.items():
        for number, place in enumerate((0, 2)):
            shapes[f"{net}.net.net.{place}.weight"] = (sizes[number + 1], sizes[number])
            shapes[f"{net}.net.net.{place}.bias"] = (sizes[number + 1],)
    return shapes


def old_checkpoint() -> dict[str, Any]:
    """Return what a checkpoint of that training holds, with random positive weights."""
    generator = torch.Generator().manual_seed(0)
    state = {
        f"model.{name}": 0.1 + torch.rand(shape, generator=generator) / 10
        for name, shape in _shapes().items()
    }
    for stream, names in VARIABLES.items():
        state[f"norm.{stream}_means"] = torch.arange(len(names)) / 8
        state[f"norm.{stream}_stds"] = torch.ones(len(names)) * 2
    return {"state_dict": state, "epoch": 3, "global_step": 64, "pytorch-lightning_version": "2.5.0"}


@pytest.fixture
def old_config() -> dict[str, Any]:
    """Give a configuration of salt-ml, anew for each test."""
    return _old_config()


@pytest.fixture
def old_state() -> dict[str, Any]:
    """Give the content of a checkpoint of salt-ml."""
    return old_checkpoint()


@pytest.fixture
def old_run(old_config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a run directory of salt-ml and go to the folder that it lies in; return its checkpoint."""
    monkeypatch.chdir(tmp_path)
    ckpt = tmp_path / "old" / "ckpts" / "epoch=003-val_loss=0.51.ckpt"
    ckpt.parent.mkdir(parents=True)
    torch.save(old_checkpoint(), ckpt)
    (tmp_path / "old" / "config.yaml").write_text(dump_yaml(old_config))
    return ckpt
