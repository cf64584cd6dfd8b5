"""Which layers a call has, and that a checkpoint names no code to be run."""

from __future__ import annotations

from pathlib import Path

import pytest

from salt_core.config.arguments import parse
from salt_core.config.layers import file_layer
from salt_core.config.load import load, merged_of
from salt_core.config.merge import Layer
from salt_core.config.paths import shipped_configs
from salt_core.config.yaml import dump_yaml
from salt_core.errors import ConfigError

INNER = {"name": "inner", "data": {"batch_size": 7, "num_val": 8, "num_test": 9}}


@pytest.fixture
def inside() -> Layer:
    """The configuration inside a checkpoint."""
    return Layer(INNER, "run.ckpt", Path("/run"))


@pytest.fixture
def outer(tmp_path) -> Path:
    file = tmp_path / "outer.yaml"
    file.write_text("data: {num_val: 80, num_test: 90}\n")
    return file


def test_files_go_on_top_of_the_base_and_flags_on_top_of_both(inside, outer):
    merged = merged_of(parse(["--data.num_test", "900"]), [outer], inside)
    assert merged.tree == {"name": "inner", "data": {"batch_size": 7, "num_val": 80, "num_test": 900}}
    assert merged.source(("data", "batch_size")).label == "run.ckpt"


def test_without_another_base_it_is_the_one_that_ships():
    merged = merged_of(parse([]), [])
    assert merged.tree == dict(file_layer(shipped_configs()["base.yaml"]).tree)
    assert merged.tree["trainer"]


def test_what_was_loaded_is_told(sample):
    loaded = load(parse(["--config", "tiny.yaml", "--data.batch_size", "5"]))
    assert loaded.files == (sample.config,)
    assert loaded.resolved.short["data"]["batch_size"] == 5
    assert loaded.resolved.run.name == "tiny"
    assert "gn2" in loaded.registry.names("encoder")


def test_the_command_line_alone_allows_classes(sample):
    words = ["--config", "tiny.yaml", "--trainer.callbacks.mine", "{class_path: collections.OrderedDict}"]
    with pytest.raises(ConfigError, match="is not allowed"):
        load(parse(words))
    with pytest.raises(ConfigError, match="OrderedDict is no Callback"):
        load(parse([*words, "--allow_class_paths", "collections"]))


def test_what_was_taken_away_stays_away_where_the_complete_configuration_is_loaded(sample):
    words = ["--trainer.callbacks.throughput", "null", "--data.staging_places./dev/shm", "null"]
    words += ["--trainer.callbacks.checkpoint", "{plugin: rejection, signal: cjets}"]
    first = load(parse(["--config", "tiny.yaml", *words])).resolved
    callbacks, places = first.short["trainer"]["callbacks"], first.short["data"]["staging_places"]
    assert (callbacks["throughput"], places["/dev/shm"]) == (None, None)
    assert "monitor" not in callbacks["checkpoint"]
    (sample.folder / "complete.yaml").write_text(dump_yaml(first.short))
    second = load(parse(["--config", "complete.yaml"])).resolved
    assert second.short == first.short
    assert len(second.full["trainer"]["callbacks"]) == 1
    assert list(second.full["data"]["staging_places"]) == ["/"]


@pytest.fixture
def plugin_file(tmp_path) -> Path:
    file = tmp_path / "mine.py"
    file.write_text("raise AssertionError('is run')\n")
    return file


def test_plugin_files_that_only_a_checkpoint_names_are_refused_with_the_way_out(plugin_file, outer):
    other = plugin_file.with_name("other.py")
    inside = Layer({**INNER, "plugins": [str(plugin_file), str(other)]}, "run.ckpt", Path("/run"))
    files = f"{plugin_file}, {other}"
    with pytest.raises(ConfigError) as caught:
        load(parse(["--config", str(outer)]), inside)
    assert caught.value.where == "plugins"
    assert caught.value.message == (
        f"the configuration inside the checkpoint names files that would be run: {files}. If you trust them, "
        f"name them yourself, --plugins '[{files}]', or name the run's config.yaml by --config"
    )


def test_those_that_the_user_names_are_run(sample, plugin_file):
    inside = Layer({"plugins": [str(plugin_file)]}, "run.ckpt", Path("/run"))
    with pytest.raises(ConfigError) as caught:
        load(parse(["--config", "tiny.yaml", "--plugins", f"[{plugin_file}]"]), inside)
    assert "is run" not in str(
        caught.value
    )  # it is, and is broken; what is told is what base.yaml would give
    assert "would be run" not in str(caught.value)


def test_no_plugin_files_are_no_fault(sample):
    inside = Layer({"plugins": []}, "run.ckpt", Path("/run"))
    with pytest.raises(ConfigError, match="is missing") as caught:
        load(parse(["--config", "tiny.yaml"]), inside)
    assert "would be run" not in str(caught.value)
