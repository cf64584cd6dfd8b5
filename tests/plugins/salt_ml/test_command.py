from __future__ import annotations

import pytest
import torch

import salt_core
from salt_core.config.yaml import dump_yaml, load_yaml


def test_a_run_directory_is_made(old_run, old_state, salt, tmp_path):
    done = salt("import", old_run, "--out", "new")
    assert done.code == 0, done.err
    assert "salt test --config new/config.yaml" in done.out
    assert {path.name for path in (tmp_path / "new").iterdir()} == {
        *("config.yaml", "metadata.yaml", "norm_dict.yaml", "class_dict.yaml", "ckpts")
    }
    trained = salt_core.load("new")
    state, old = trained.module.state_dict(), old_state["state_dict"]
    ours, theirs = "encoder.layers.1.attention.in_proj.weight", "encoder.layers.1.attn.fn.in_proj_weight"
    assert torch.equal(state[ours], old[f"model.{theirs}"])
    assert torch.equal(
        state["tasks.track_vertexing.head.net.layers.1.bias"], old["model.tasks.2.net.net.2.bias"]
    )
    told = load_yaml(tmp_path / "new" / "metadata.yaml")
    assert told["origin"]["epoch"] == 3
    assert told["origin"]["checkpoint"] == str(old_run)


def test_normalisation_and_class_weights_are_the_checkpoint_s(old_run, old_state, salt, tmp_path):
    assert salt("import", old_run, "--out", "new").code == 0
    norms = load_yaml(tmp_path / "new" / "norm_dict.yaml")
    assert norms["jets"] == {
        "pt_btagJes": {"mean": 0.0, "std": 2.0},
        "eta_btagJes": {"mean": 0.125, "std": 2.0},
    }
    weights = load_yaml(tmp_path / "new" / "class_dict.yaml")["tracks"]["ftagTruthOriginLabel"]
    assert weights == pytest.approx(old_state["state_dict"]["model.tasks.1.loss.weight"].tolist())


def test_a_norm_dict_of_one_s_own(old_run, salt, tmp_path):
    assert salt("import", old_run, "--out", "first").code == 0
    norms = load_yaml(tmp_path / "first" / "norm_dict.yaml")
    norms["jets"]["pt_btagJes"]["mean"] = 7.0
    (tmp_path / "own.yaml").write_text(dump_yaml(norms))
    assert salt("import", old_run, "--out", "new", "--norm_dict", "own.yaml").code == 0
    assert load_yaml(tmp_path / "new" / "norm_dict.yaml")["jets"]["pt_btagJes"]["mean"] == 7.0


def test_a_checkpoint_of_any_name(old_run, salt):
    other = old_run.rename(old_run.with_name("last.ckpt"))
    assert salt("import", other, "--out", "new").code == 0
    assert salt_core.load("new").module is not None


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["import"], "give CKPT and --out DIR"),
        (["import", "none.ckpt", "--config", "old/config.yaml", "--out", "new"], "there is no checkpoint"),
        (["import", "old/config.yaml", "--config", "old/config.yaml", "--out", "new"], "config.yaml"),
        (["import", "{ckpt}", "--out", "old"], "is there already; name another directory"),
        (["import", "{ckpt}", "--config", "none.yaml", "--out", "new"], "none.yaml"),
        (["import", "--config_only", "old/config.yaml", "--norm_dict", "x"], "takes --out alone"),
    ],
)
def test_misuse(old_run, salt, tmp_path, words, told):
    done = salt(*(str(old_run) if word == "{ckpt}" else word for word in words))
    assert done.code in (1, 2)
    assert told in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "new").exists()


def test_code_in_a_checkpoint_is_not_run(old_run, old_state, salt, tmp_path):
    torch.save(old_state | {"hyper_parameters": Trap(str(tmp_path / "sprung"))}, old_run)
    done = salt("import", old_run, "--out", "new")
    assert done.code == 1
    assert "Traceback" not in done.err
    assert not (tmp_path / "sprung").exists()
    assert not (tmp_path / "new").exists()


class Trap:
    """Writes a file where it is unpickled as it asks to be."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_a_checkpoint_of_another_configuration(old_run, old_config, salt, tmp_path):
    old_config["model"]["model"]["init_args"]["encoder"]["init_args"]["num_layers"] = 3
    (tmp_path / "other.yaml").write_text(dump_yaml(old_config))
    done = salt("import", old_run, "--config", "other.yaml", "--out", "new")
    assert done.code == 2
    assert "the salt-ml model has nothing for encoder.layers.2" in done.err
    assert not (tmp_path / "new").exists()


def test_a_configuration_alone(old_run, salt, tmp_path):
    done = salt("import", "--config_only", "old/config.yaml")
    assert done.code == 0, done.err
    (tmp_path / "new.yaml").write_text(done.out)
    checked = salt("check", "--force", "--config", "new.yaml")
    assert load_yaml(tmp_path / "new.yaml")["model"]["encoder"]["plugin"] == "gn2"
    assert salt("import", "--config_only", "old/config.yaml", "--out", "again.yaml").code == 0
    assert (tmp_path / "again.yaml").read_text() == done.out
    assert checked.code == 0, checked.err


def test_a_training_cannot_be_resumed_from_weights_alone(old_run, salt):
    assert salt("import", old_run, "--out", "new").code == 0
    done = salt("fit", "--config", "new/config.yaml", "--ckpt_path", f"new/ckpts/{old_run.name}", "--force")
    assert done.code == 2
    message = done.err.splitlines()[-1]
    assert "holds weights alone" in message
    assert "--model.init_from" in message
    assert "Traceback" not in done.err
