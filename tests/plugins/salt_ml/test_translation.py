from __future__ import annotations

import numpy as np
import pytest
import torch

from salt_core.errors import SaltError
from salt_core.nn.targets import Scaling
from salt_plugins.salt_ml.translation import translate


def options(config, *path):
    """Go down the components of the model."""
    found = config["model"]["model"]["init_args"]
    for step in path:
        found = found[step]
        found = found["init_args"] if isinstance(found, dict) and "init_args" in found else found
    return found


def task(config, number):
    return options(config, "tasks", "modules", number)


def fault_of(config):
    with pytest.raises(SaltError) as caught:
        translate(config)
    return str(caught.value)


def test_the_model_is_translated(old_config):
    model = translate(old_config).config["model"]
    assert model["encoder"] == {
        "plugin": "gn2",
        "init_nets": {"tracks": {"hidden_layers": [32]}},
        "num_layers": 2,
        "embed_dim": 32,
        "num_heads": 2,
        "out_dim": 16,
        "num_registers": 1,
    }
    assert list(model["tasks"]) == ["jets_classification", "track_origin", "track_vertexing"]
    assert model["tasks"]["jets_classification"] == {
        "plugin": "classification",
        "input_name": "jets",
        "label": "flavour_label",
        "loss": {"plugin": "cross_entropy", "weight": "class_dict"},
        "hidden_layers": [16],
    }
    assert model["tasks"]["track_origin"]["weight"] == 0.5
    assert model["tasks"]["track_origin"]["class_names"][3] == "FromB"
    assert model["tasks"]["track_vertexing"]["origin_label"] == "ftagTruthOriginLabel"
    assert model["lrs_config"]["max"] == 5e-4


def test_data_and_trainer_are_translated(old_config):
    translation = translate(old_config)
    data, trainer = translation.config["data"], translation.config["trainer"]
    assert data["variables"] == old_config["data"]["variables"]
    assert data["batch_size"] == 500
    assert data["extra_vars"] == {"jets": ["pt_btagJes"], "tracks": ["ftagTruthOriginLabel"]}
    assert data["write_constituents"] is True
    assert trainer["callbacks"] == {"checkpoint": {"monitor": "val/jets_classification_loss"}}
    assert trainer["max_epochs"] == 1
    assert translation.left_out == ()


def test_numbers_of_jets_may_be_written_with_underscores(old_config):
    old_config["data"] |= {"num_train": "100_000", "num_val": 1000, "num_test": -1}
    data = translate(old_config).config["data"]
    assert (data["num_train"], data["num_val"], data["num_test"]) == (100_000, 1000, -1)


def test_options_of_the_transformer(old_config):
    encoder = options(old_config, "encoder")
    encoder |= {"norm": "RMSNorm", "num_registers": 3, "ls_init": 0.1, "norm_type": "post"}
    encoder["dense_kwargs"] = {"activation": "SiLU", "gated": True, "hidden_dim": 48, "dropout": 0.1}
    encoder["attn_kwargs"] = {"num_heads": 4, "do_qk_norm": True, "dropout": 0.1}
    found = translate(old_config).config["model"]["encoder"]
    expected = {"norm": "RMSNorm", "num_registers": 3, "layer_scale": 0.1, "norm_type": "post"}
    expected |= {"activation": "SiLU", "gated": True, "ffn_dim": 48, "qk_norm": True, "num_heads": 4}
    assert expected | {"dropout": 0.1} == {key: found[key] for key in (*expected, "dropout")}


def test_a_net_without_sizes_has_twice_its_inputs(old_config):
    del task(old_config, 0)["dense_config"]["hidden_layers"]
    tasks = translate(old_config).config["model"]["tasks"]
    assert tasks["jets_classification"]["hidden_layers"] == [32]


@pytest.mark.parametrize(
    ("scale", "value"),
    [
        ({"op": "log", "x_scale": 0.001, "op_scale": 0.5, "op_off": -1}, 5000.0),
        ({"op": "linear", "x_scale": 3, "x_off": 1, "op_scale": 10, "op_off": 2}, 4.0),
        ({"op": "exp", "x_off": 0.5, "op_scale": 2, "op_off": 1}, 1.5),
        ({"op": "log", "x_scale": 1, "x_off": 1, "op_scale": 3, "op_off": 0.2}, 7.0),
    ],
)
def test_scaled_targets_stay_the_same(old_config, scale, value):
    """salt-ml computes op(x * x_scale + x_off) * op_scale + op_off; the translation must agree."""
    regression = {
        "name": "pt",
        "input_name": "jets",
        "targets": ["pt"],
        "loss": {"class_path": "torch.nn.MSELoss", "init_args": {}},
        "scaler": {
            "class_path": "salt.utils.scalers.RegressionTargetScaler",
            "init_args": {"scales": {"pt": scale}},
        },
        "dense_config": {"input_size": 16, "output_size": 1, "hidden_layers": [16]},
    }
    options(old_config, "tasks", "modules").append(
        {"class_path": "salt.models.RegressionTask", "init_args": regression}
    )
    found = translate(old_config).config["model"]["tasks"]["pt"]["scaler"]["pt"]
    op = {"log": np.log, "exp": np.exp, "linear": lambda x: x}[scale["op"]]
    scaled = op(value * scale.get("x_scale", 1) + scale.get("x_off", 0)) * scale.get("op_scale", 1)
    scaled += scale.get("op_off", 0)
    assert float(Scaling(**found).scaled(torch.tensor([value]), {})) == pytest.approx(scaled)


def test_what_changes_no_prediction_is_listed(old_config):
    old_config["trainer"]["callbacks"].append({"class_path": "salt.callbacks.ConfusionMatrixCallback"})
    old_config["trainer"]["logger"] = {"class_path": "lightning.pytorch.loggers.CometLogger", "init_args": {}}
    old_config["data"]["non_finite_to_num"] = True
    old_config["unheard_of"] = 3
    left_out = "\n".join(translate(old_config).left_out)
    for expected in (
        "ConfusionMatrixCallback",
        "CometLogger",
        "data.non_finite_to_num: true",
        "unheard_of: 3",
    ):
        assert expected in left_out


@pytest.mark.parametrize(
    ("path", "key", "value", "told"),
    [
        (("encoder",), "norm_type", "hybrid", "encoder.init_args.norm_type: hybrid"),
        (("encoder",), "drop_registers", True, "encoder.init_args.drop_registers: true"),
        (("encoder",), "surprising", 7, "encoder.init_args.surprising: 7: there is nothing like it here"),
        ((), "mask_decoder", {"class_path": "x.MaskDecoder"}, "there is no mask decoder here"),
        ((), "pool_net", {"class_path": "salt.models.Mean"}, "Mean: GlobalAttentionPooling is what can be"),
        ((), "encoder", {"class_path": "salt.models.TransformerEncoder"}, "TransformerEncoder"),
        ((), "encoder", None, "encoder: none"),
    ],
)
def test_another_model_is_refused(old_config, path, key, value, told):
    options(old_config, *path)[key] = value
    assert told in fault_of(old_config)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("loss", {"class_path": "torch.nn.NLLLoss"}, "NLLLoss: CrossEntropyLoss and BCEWithLogitsLoss"),
        ("input_name", "flows", "'flows' is none of jets"),
        ("surprising", True, "surprising: true"),
    ],
)
def test_another_task_is_refused(old_config, key, value, told):
    task(old_config, 0)[key] = value
    assert told in fault_of(old_config)


def test_all_faults_are_told_together(old_config):
    options(old_config, "encoder")["norm_type"] = "hybrid"
    task(old_config, 0)["loss"] = {"class_path": "torch.nn.NLLLoss"}
    told = fault_of(old_config)
    assert "2 mistakes" in told


def test_streams_in_another_order_are_refused(old_config):
    data, model = old_config["data"], options(old_config)
    data["variables"]["flows"] = ["pt"]
    model["init_nets"].append(
        {"input_name": "flows", "dense_config": {"output_size": 32, "hidden_layers": [8]}}
    )
    data["input_map"] = {"jets": "jets", "flows": "flows", "tracks": "tracks"}
    assert "salt-ml gives track_origin, track_vertexing the vectors of another stream" in fault_of(old_config)


def test_a_configuration_that_is_not_of_salt_ml():
    assert "data.variables: none are given" in fault_of({"model": {"model": {"class_path": "a.B"}}})


def test_a_geometric_mean_takes_no_weights(old_config):
    old_config["model"]["loss_mode"] = "GLS"
    translation = translate(old_config)
    assert translation.config["model"]["loss_mode"] == "GLS"
    assert not any("weight" in one for one in translation.config["model"]["tasks"].values())
    assert translation.left_out == (
        "model.model.tasks.track_origin.weight: 0.5 (GLS takes no weights)",
        "model.model.tasks.track_vertexing.weight: 1.5 (GLS takes no weights)",
    )


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("loss_mode", "median", "model.loss_mode: median (the losses are summed)"),
        ("optimizer", "SGD", "model.optimizer: SGD (AdamW is taken)"),
    ],
)
def test_how_it_was_trained_may_have_no_equivalent(old_config, key, value, told):
    old_config["model"][key] = value
    assert told in translate(old_config).left_out


@pytest.mark.parametrize(("name", "ours"), [("Lion", "lion"), ("HybridMuonAdamW", "muon"), ("adamw", None)])
def test_optimizers(old_config, name, ours):
    old_config["model"]["optimizer"] = name
    assert translate(old_config).config["model"].get("optimizer") == ours


def test_streams_that_have_no_equivalent(old_config):
    old_config["data"]["variables"]["EDGE"] = ["dR"]
    assert "data.variables.EDGE: there is nothing like it here" in fault_of(old_config)


def test_what_a_writer_of_predictions_does(old_config):
    old_config["trainer"]["callbacks"][1]["init_args"] = {"write_tracks": False, "half_precision": True}
    data = translate(old_config).config["data"]
    assert data["write_precision"] == "float16"
    assert "write_constituents" not in data
    assert "extra_vars" not in data


def test_a_checkpoint_that_watches_something_else(old_config):
    old_config["trainer"]["callbacks"][0]["init_args"]["monitor_loss"] = "val/unknown"
    translation = translate(old_config)
    assert "checkpoint" not in translation.config["trainer"].get("callbacks", {})
    assert any("monitor_loss: val/unknown (val/loss is taken)" in line for line in translation.left_out)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"input_name": "jets"}, "input_name: 'jets' must be a stream of data.variables other than jets"),
        ({"pos_enc": {"dim": 4}}, "pos_enc: {'dim': 4}: sines and cosines of positions are joined otherwise"),
    ],
)
def test_initial_nets_that_have_no_equivalent(old_config, change, told):
    options(old_config, "init_nets", 0).update(change)
    assert told in fault_of(old_config)


def test_dropout_of_initial_nets_and_of_unequal_shares(old_config):
    options(old_config, "init_nets", 0)["dense_config"]["dropout"] = 0.2
    encoder = options(old_config, "encoder")
    encoder["dense_kwargs"]["dropout"], encoder["attn_kwargs"]["dropout"] = 0.1, 0.3
    translation = translate(old_config)
    assert translation.config["model"]["encoder"]["dropout"] == 0.3
    told = "\n".join(translation.left_out)
    assert "dropout: 0.2 (initial nets have none here)" in told
    assert "attention 0.3, dense net 0.1 (there is one share for both here, the larger one is taken)" in told
