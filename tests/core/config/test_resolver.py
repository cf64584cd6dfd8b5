"""The rules of the configuration, a test for each sentence of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from local_plugin import LOCAL_PLUGIN

from salt_core.config.arguments import parse
from salt_core.config.load import load
from salt_core.config.merge import Layer
from salt_core.errors import ConfigError
from salt_plugins.dataloaders.hdf5.loader import Hdf5


@pytest.fixture
def resolved(sample):
    """Resolve the tiny configuration with further files and flags."""

    def run(*words: object):
        return load(parse(["--config", str(sample.config), *map(str, words)])).resolved

    return run


def faults_of(resolve, *words: object) -> str:
    with pytest.raises(ConfigError) as caught:
        resolve(*words)
    return str(caught.value)


def test_a_component_is_a_plugin_with_options_or_a_name(resolved):
    found = resolved()
    short, full = found.short, found.full
    loss = short["model"]["tasks"]["flavour"]["loss"]
    assert (loss["plugin"], loss["weight"]) == ("cross_entropy", "class_dict")
    assert short["data"]["loader"] == "hdf5"
    assert full["data"]["loader"] == {
        "class_path": "salt_plugins.dataloaders.hdf5.loader.Hdf5",
        "init_args": {},
    }
    assert ("dataloader", "hdf5") in [(provider.kind, provider.name) for provider in found.plugins]
    assert found.places[Hdf5] == ("data.loader",)


def test_base_then_files_in_order_then_flags(resolved, sample):
    assert resolved().short["data"]["num_workers"] == 0
    assert resolved().short["model"]["lrs_config"]["max"] == 5e-4
    for name, value in (("one.yaml", 7), ("two.yaml", 8)):
        (sample.folder / name).write_text(yaml.safe_dump({"data": {"batch_size": value, "num_val": value}}))
    both = ("--config", "one.yaml", "--config", "two.yaml")
    data = resolved("--data.batch_size", "9", *both).short["data"]
    assert (data["batch_size"], data["num_val"]) == (9, 8)
    assert resolved("--config", "two.yaml", "--config", "one.yaml").short["data"]["num_val"] == 7


def test_null_removes_a_task_a_callback_and_a_stream(resolved):
    words = ["--model.tasks.origin", "null", "--model.tasks.vertexing", "null"]
    words += ["--trainer.callbacks.throughput", "null", "--data.variables.tracks", "null"]
    found = resolved(*words)
    assert list(found.short["model"]["tasks"]) == ["flavour"]
    assert found.short["trainer"]["callbacks"]["throughput"] is None
    assert list(found.full["data"]["variables"]) == ["jets"]
    paths = [callback["class_path"] for callback in found.full["trainer"]["callbacks"]]
    assert paths
    assert not any("throughput" in path for path in paths)


def test_every_value_can_be_set_by_its_path(resolved):
    words = ["--model.tasks.origin.weight", "0.7", "--model.lrs_config.max=1e-3", "--trainer.precision", "32"]
    found = resolved(*words, "--data.extra_vars.tracks", "[origin]", "--trainer.devices", "0,1").short
    assert found["model"]["tasks"]["origin"]["weight"] == 0.7
    assert found["model"]["lrs_config"]["max"] == 1e-3
    assert found["trainer"]["precision"] == 32
    assert found["trainer"]["devices"] == "0,1"
    assert found["data"]["extra_vars"] == {"jets": ["event", "flavour_label"], "tracks": ["origin"]}


def test_paths_of_a_file_are_relative_to_it_and_those_of_flags_to_the_current_folder(resolved, sample):
    inner = sample.folder / "inner"
    inner.mkdir()
    (inner / "paths.yaml").write_text("data: {train_file: here.h5, val_file: /there.h5}\n")
    data = resolved("--config", inner / "paths.yaml", "--data.test_file", "now.h5").short["data"]
    assert data["train_file"] == str(inner / "here.h5")
    assert data["val_file"] == "/there.h5"
    assert data["test_file"] == str(sample.folder / "now.h5")
    assert data["norm_dict"] == str(sample.folder / "norm_dict.yaml")


def test_shipped_files_by_name(resolved):
    assert Path(
        resolved("--data.train_file", "package:demo/demo_train.h5").short["data"]["train_file"]
    ).is_file()


def test_the_result_is_complete_and_resolves_to_itself(resolved, sample):
    first = resolved("--seed_everything", "7")
    assert first.short["model"]["encoder"]["dropout"] == 0.0
    assert first.short["trainer"]["max_steps"] == -1
    layer = Layer(first.short, "saved", Path("/nowhere"))
    again = load(parse([]), layer).resolved
    assert again.short == first.short


def test_a_text_that_looks_like_a_number_stays_one_for_a_flag(resolved):
    assert resolved("--name", "2026", "--data.test_suff", "1e3").run.name == "2026"
    assert resolved("--data.test_suff", "010").short["data"]["test_suff"] == "010"


def test_a_text_is_no_number_for_an_option_of_numbers(resolved):
    assert "must be int, got '5'" in faults_of(resolved, "--data.batch_size", "'5'")


def test_whole_numbers_do_for_real_ones(resolved):
    assert resolved("--model.tasks.origin.weight", "2").short["model"]["tasks"]["origin"]["weight"] == 2


def test_lightnings_own_classes_by_class_path(resolved):
    stop = "{class_path: EarlyStopping, init_args: {monitor: val/loss, patience: 2}}"
    found = resolved("--trainer.callbacks.stop", stop).short["trainer"]["callbacks"]["stop"]
    assert found["class_path"] == "lightning.pytorch.callbacks.EarlyStopping"
    assert found["init_args"]["patience"] == 2
    assert found["init_args"]["mode"] == "min"
    strategy = (
        "{class_path: lightning.pytorch.strategies.DDPStrategy, init_args: {find_unused_parameters: true}}"
    )
    ddp = resolved("--trainer.strategy", strategy).full["trainer"]["strategy"]
    assert ddp["init_args"]["find_unused_parameters"] is True


def test_a_class_of_the_wrong_sort(resolved):
    text = faults_of(resolved, "--trainer.logger", "{class_path: lightning.pytorch.callbacks.EarlyStopping}")
    assert "EarlyStopping is no Logger" in text


@pytest.mark.parametrize("path", ["os.system", "torch.nn.Linear", "salt_core.training.module.SaltModule"])
def test_no_other_class_path(resolved, path):
    text = faults_of(resolved, "--model.encoder", f"{{class_path: {path}}}")
    assert f"class_path {path!r} is not allowed" in text


def test_a_plugin_of_this_project_by_a_path(resolved, sample):
    (sample.folder / "my_loss.py").write_text(LOCAL_PLUGIN)
    (sample.folder / "mine.yaml").write_text(
        "plugins: [./my_loss.py]\nmodel: {tasks: {flavour: {loss: mine}}}\n"
    )
    found = resolved("--config", "mine.yaml")
    assert found.short["plugins"] == [str(sample.folder / "my_loss.py")]
    assert found.full["model"]["tasks"]["flavour"]["init_args"]["loss"]["class_path"].endswith(".Mine")


def test_all_faults_are_told_with_key_path_and_file(resolved, sample):
    (sample.folder / "bad.yaml").write_text(
        "model: {encoder: {num_layrs: 3}, tasks: {flavour: {loss: nothing, dropout: lots}}}\ndata: {num_train: a}\n"
    )
    text = faults_of(resolved, "--config", "bad.yaml", "--trainer.max_epochs", "x", "--modle.x", "1")
    assert "6 mistakes" in text
    for part in (
        "model.encoder.num_layrs (bad.yaml): there is no such option",
        "model.tasks.flavour.loss (bad.yaml): there is no loss 'nothing'",
        "model.tasks.flavour.dropout (bad.yaml): must be float, got 'lots'",
        "data.num_train (bad.yaml): must be int, got 'a'",
        "--trainer.max_epochs: must be int | None, got 'x'",
        "modle (--modle.x): there is no such option; did you mean 'model'?",
    ):
        assert part in text


def test_options_of_one_call_are_not_saved(sample, salt):
    words = ("--force", "--log_suffix", "x", "--print_config")
    done = salt("fit", "--config", sample.config, *words)
    assert done.code == 0, done.err
    printed = yaml.safe_load(done.out)
    assert printed["name"] == "tiny"
    assert not {"force", "log_suffix", "ckpt_path"} & printed.keys()
    assert not (sample.folder / "logs").exists()


@pytest.mark.parametrize("key", ["null", "3", "true"])
def test_a_key_that_has_to_be_a_text(resolved, sample, key):
    more = sample.folder / "more.yaml"
    more.write_text(f"data: {{variables: {{{key}: [pt]}}}}\n")
    said = faults_of(resolved, "--config", more)
    assert "the key must be str, got" in said


TENSORBOARD = {
    "class_path": "salt_plugins.loggers.tensorboard.logger.TensorBoard",
    "init_args": {},
}


@pytest.mark.parametrize(
    ("value", "short", "full"),
    [
        ("tensorboard", {"plugin": "tensorboard", "folder": "tensorboard"}, TENSORBOARD),
        ("{plugin: tensorboard}", {"plugin": "tensorboard", "folder": "tensorboard"}, TENSORBOARD),
        ("[tensorboard]", [{"plugin": "tensorboard", "folder": "tensorboard"}], [TENSORBOARD]),
        ("true", True, True),
        ("false", False, False),
        ("null", None, None),
    ],
)
def test_one_plugin_stands_for_a_list_of_one_and_switches_stay(resolved, value, short, full):
    found = resolved("--trainer.logger", value)
    assert found.short["trainer"]["logger"] == short
    assert found.full["trainer"]["logger"] == full


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("tensorbord", "there is no logger 'tensorbord': did you mean 'tensorboard'?"),
        ("{plugin: tensorboard, folder: 3}", "trainer.logger.folder"),
        ("[tensorboard, 3]", "trainer.logger.1"),
        ("3", "must be a mapping of names to logger plugins, got 3"),
    ],
)
def test_wrong_loggers(resolved, value, said):
    assert said in faults_of(resolved, "--trainer.logger", value)
