"""Files from elsewhere: nothing in a configuration, a dict or a checkpoint is run that nobody has allowed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
import yaml

import salt_core
from salt_core import SaltError
from salt_core.training.archive import save

MODULE = """
from pathlib import Path
from lightning.pytorch import Callback
from lightning.pytorch.strategies import SingleDeviceStrategy

Path("it_ran").touch()

class Note(Callback):
    def __init__(self, text: str = "noted"):
        self.text = text

    def on_fit_start(self, trainer, pl_module):
        Path(self.text).touch()

class NoCallback:
    pass

def function(*args):
    pass

number = 3
"""


class Payload:
    """Runs a command where it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch it_ran",)


@pytest.fixture
def stranger(sample, monkeypatch) -> str:
    """The name of a module in the current folder that tells when it is imported."""
    name = f"stranger_{sample.folder.name.rsplit('_', 1)[-1]}"[:40] + "x"
    (sample.folder / f"{name}.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(sample.folder))
    return name


@pytest.fixture
def ran(sample) -> Path:
    return sample.folder / "it_ran"


@pytest.fixture
def checkpoint(sample, salt) -> Path:
    assert salt("fit", "--config", sample.config, "-f", "--log_suffix", "a").code == 0
    return sample.folder / "logs" / "tiny_a" / "ckpts" / "last.ckpt"


def changed(checkpoint: Path, name: str, **entries: object) -> Path:
    """Write a sealed checkpoint with other entries."""
    content = torch.load(checkpoint, weights_only=True) | entries
    path = checkpoint.with_name(name)
    save(content, path)
    return path


def with_config(checkpoint: Path, name: str, change) -> Path:
    config = yaml.safe_load(torch.load(checkpoint, weights_only=True)["salt_config"])
    change(config)
    return changed(checkpoint, name, salt_config=yaml.safe_dump(config))


def test_the_payload_of_these_tests_works(sample, ran):
    torch.save({"x": Payload()}, "evil.ckpt")
    torch.load("evil.ckpt", weights_only=False)
    assert ran.exists()


@pytest.mark.parametrize(
    ("place", "sealed"),
    [
        ("state_dict", True),
        ("salt_facts", False),
        pytest.param("salt_config", True, marks=pytest.mark.full),
        pytest.param("anything", True, marks=pytest.mark.full),
    ],
)
def test_a_checkpoint_runs_nothing(sample, salt, checkpoint, ran, place, sealed):
    content = torch.load(checkpoint, weights_only=True)
    content[place] = {"weight": Payload()}
    evil = checkpoint.with_name("evil.ckpt")
    if sealed:
        save(content, evil)
    else:
        torch.save(content, evil)
    config = checkpoint.parents[1] / "config.yaml"
    for words in (
        ("fit", "--config", sample.config, "-f", "--ckpt_path", evil),
        ("fit", "--config", sample.config, "-f", "--model.init_from", evil),
        ("test", "--ckpt_path", evil),
        ("test", "--config", config, "--ckpt_path", evil),
        ("validate", "--ckpt_path", evil),
    ):
        done = salt(*words)
        assert done.code == 1
        assert "cannot be read, it may be damaged or no checkpoint" in done.err
        assert "nobody foresaw" not in done.err
    with pytest.raises(SaltError, match="cannot be read"):
        salt_core.load(evil)
    assert not ran.exists()


CONTENTS: list[dict] = [
    {"salt_config": 3},
    {"salt_config": "a: [b"},
    {"salt_config": "- a"},
    {"salt_config": "name: tiny"},
    {"salt_config": "!!python/object/apply:os.system ['touch it_ran']"},
    {"salt_config": "name: !!python/object/apply:os.system ['touch it_ran']"},
    {"salt_facts": {}},
    {"salt_facts": {"nothing": 1}},
    {"salt_facts": []},
    {"state_dict": {}},
    {"state_dict": []},
    {"state_dict": {"encoder.registers": 3}},
    {"state_dict": {3: torch.zeros(2)}},
]


def test_a_checkpoint_of_other_content_is_one_message(sample, salt, checkpoint, ran):
    for entries in CONTENTS:
        evil = changed(checkpoint, "evil.ckpt", **entries)
        done = salt("validate", "--ckpt_path", evil)
        assert done.code in (1, 2), entries
        assert "nobody foresaw" not in done.err
        with pytest.raises(SaltError):
            salt_core.load(evil)
    assert not ran.exists()


def test_a_plugin_file_that_a_checkpoint_names_is_not_run(sample, salt, checkpoint, ran, stranger):
    file = sample.folder / f"{stranger}.py"
    evil = with_config(checkpoint, "evil.ckpt", lambda config: config.update(plugins=[str(file)]))
    for command in ("test", "validate"):
        done = salt(command, "--ckpt_path", evil)
        assert done.code == 2
        assert (
            f"plugins: the configuration inside the checkpoint names files that would be run: {file}"
            in done.err
        )
    assert not ran.exists()
    assert salt("validate", "--ckpt_path", evil, "--plugins", "[]").code == 0
    assert not ran.exists()
    assert salt("validate", "--ckpt_path", evil, "--plugins", f"[{file.name}]").code == 0
    assert ran.exists()


def test_a_class_that_a_checkpoint_names_is_not_imported(sample, salt, checkpoint, ran, stranger):
    callbacks = {"note": {"class_path": f"{stranger}.Note"}}
    evil = with_config(checkpoint, "evil.ckpt", lambda config: config["trainer"].update(callbacks=callbacks))
    for command in ("test", "validate"):
        done = salt(command, "--ckpt_path", evil)
        assert done.code == 2
        assert f"class_path '{stranger}.Note' is not allowed" in done.err
    with pytest.raises(SaltError, match="is not allowed"):
        salt_core.load(evil)
    assert not ran.exists()
    salt_core.load(evil, allow_class_paths=[stranger])
    assert ran.exists()


TAGS = [
    "!!python/object/apply:os.system ['touch it_ran']",
    "!!python/object/new:os.system ['touch it_ran']",
    "!!python/name:os.system",
    "!!python/module:os",
    "!!python/object:__main__.X {}",
]


@pytest.mark.parametrize("tag", TAGS)
def test_yaml_runs_nothing(sample, salt, ran, tag):
    evil = sample.folder / "evil.yaml"
    evil.write_text(f"name: {tag}\n")
    for words in (
        ("--config", sample.config, "--config", evil),
        ("--config", sample.config, "--name", tag),
        ("--config", sample.config, "--data.norm_dict", evil),
        ("--config", sample.config, "--data.class_dict", evil),
    ):
        done = salt("fit", "-f", *words)
        assert done.code == 2
        assert "could not determine a constructor" in done.err
    assert not ran.exists()


CLASS = {"class_path": "{module}.Note"}
PLACES = {
    "callback": {"trainer": {"callbacks": {"note": CLASS}}},
    "callbacks as a list": {"trainer": {"callbacks": [CLASS]}},
    "logger": {"trainer": {"logger": CLASS}},
    "loggers": {"trainer": {"logger": [CLASS, CLASS]}},
    "a list of both": {"trainer": {"logger": [CLASS, "csv"]}},
    "logger as a text": {"trainer": {"logger": "{module}.Note"}},
    "loggers as texts": {"trainer": {"logger": ["{module}.Note"]}},
    "profiler as a text": {"trainer": {"profiler": "{module}.Note"}},
    "strategy as a text": {"trainer": {"strategy": "{module}.Note"}},
    "plugins": {"trainer": {"plugins": [CLASS]}},
    "plugins as a text": {"trainer": {"plugins": "{module}.Note"}},
    "encoder": {"model": {"encoder": CLASS}},
    "encoder with a plugin": {"model": {"encoder": {"plugin": "gn2", **CLASS}}},
    "task": {"model": {"tasks": {"more": CLASS}}},
    "loss": {"model": {"tasks": {"flavour": {"loss": CLASS}}}},
    "option of a plugin": {"model": {"encoder": {"num_layers": CLASS}}},
    "loader": {"data": {"loader": CLASS}},
    "where no class belongs": {"data": {"batch_size": CLASS}},
    "below free keys": {"data": {"variables": {"jets": [CLASS]}}},
    "at the top": {"name": CLASS},
    "argument of Lightning's": {
        "trainer": {
            "callbacks": {
                "a": {
                    "class_path": "LambdaCallback",
                    "init_args": {"on_fit_start": "{module}.function"},
                }
            }
        }
    },
    "further arguments of Lightning's": {
        "trainer": {"strategy": {"class_path": "DDPStrategy", "init_args": {"more": CLASS}}}
    },
    "hook of a strategy": {
        "trainer": {
            "strategy": {"class_path": "DDPStrategy", "init_args": {"ddp_comm_hook": "{module}.function"}}
        }
    },
}


def filled(tree, module: str):
    if isinstance(tree, dict):
        return {key: filled(value, module) for key, value in tree.items()}
    if isinstance(tree, list):
        return [filled(value, module) for value in tree]
    return tree.format(module=module)


@pytest.mark.parametrize("place", PLACES)
def test_no_class_of_a_stranger_is_imported(sample, salt, ran, stranger, place):
    more = sample.folder / "more.yaml"
    more.write_text(yaml.safe_dump(filled(PLACES[place], stranger)))
    done = salt("fit", "--config", sample.config, "--config", more, "--trainer.fast_dev_run", "1")
    assert done.code == 2
    assert f"'{stranger}." in done.err
    assert f"allowed on the command line by --allow_class_paths {stranger}" in done.err
    assert not ran.exists()


def test_the_command_line_allows_a_module(sample, salt, ran, stranger):
    words = ["fit", "--config", sample.config, "-f", "--log_suffix", "a", "--allow_class_paths", stranger]
    words += ["--trainer.callbacks.note", f"{{class_path: {stranger}.Note, init_args: {{text: well}}}}"]
    done = salt(*words)
    assert done.code == 0, done.err
    assert (sample.folder / "well").exists()
    saved = sample.folder / "logs" / "tiny_a" / "config.yaml"
    assert "allow_class_paths" not in saved.read_text()
    assert yaml.safe_load(saved.read_text())["trainer"]["callbacks"]["note"] == {
        "class_path": f"{stranger}.Note",
        "init_args": {"text": "well"},
    }
    again = salt("fit", "--config", saved, "-f", "--log_suffix", "b")
    assert again.code == 2
    assert "is not allowed" in again.err
    words = ("--allow_class_paths", "other", "--allow_class_paths", stranger, "--trainer.fast_dev_run", "1")
    assert salt("fit", "--config", saved, *words).code == 0


@pytest.mark.parametrize("value", ["true", "[{module}]", "{module}"])
def test_a_configuration_cannot_allow_itself(sample, salt, ran, stranger, value):
    more = sample.folder / "more.yaml"
    more.write_text(
        f"allow_class_paths: {value.format(module=stranger)}\n"
        f"trainer: {{callbacks: {{note: {{class_path: {stranger}.Note}}}}}}\n"
    )
    done = salt("fit", "--config", sample.config, "--config", more, "--trainer.fast_dev_run", "1")
    assert done.code == 2
    assert f"class_path '{stranger}.Note' is not allowed" in done.err
    assert "allow_class_paths (more.yaml): there is no such option" in done.err
    assert not ran.exists()


@pytest.mark.parametrize(
    ("class_path", "said"),
    [
        ("{module}.Nothing", "has no attribute 'Nothing'"),
        ("{module}.missing.Note", "cannot be imported"),
        ("{module}.number", "is no class"),
        ("{module}.function", "is no class"),
        ("{module}.NoCallback", "NoCallback is no Callback"),
        ("{module}s.Note", "is not allowed"),
        ("os.system", "is not allowed"),
    ],
)
def test_what_is_allowed_has_to_be_of_use(sample, salt, stranger, class_path, said):
    words = ("--trainer.callbacks.note.class_path", class_path.format(module=stranger))
    done = salt("fit", "--config", sample.config, "-f", "--allow_class_paths", stranger, *words)
    assert done.code == 2
    assert said in done.err


@pytest.mark.parametrize("value", [(), ("[a, b]",), ("a b",), ("",)])
def test_what_is_no_module(sample, salt, value):
    done = salt("fit", "--config", sample.config, "--allow_class_paths", *value)
    assert done.code == 2
    assert "--allow_class_paths: give a module" in done.err


@pytest.mark.parametrize(
    "text",
    [
        "&a [*a]",
        "{x: &a {b: *a}}",
        "[" * 40 + "]" * 40,
        "[" * 5000 + "]" * 5000,
        "{a: " * 3000 + "1" + "}" * 3000,
        "9" * 5000,
        "a: &a [0,0,0,0,0,0,0,0,0,0]\n"
        + "".join(
            f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 10)}]\n" for i in range(9)
        ),
        "a: \x07",
        "a: \udce4",
    ],
    ids=[
        "anchor",
        "anchor of a mapping",
        "deep",
        "deeper",
        "deep mapping",
        "digits",
        "bomb",
        "bell",
        "half a letter",
    ],
)
def test_yaml_without_end(sample, salt, text):
    (sample.folder / "evil.yaml").write_bytes(text.encode(errors="surrogateescape"))
    done = salt("fit", "--config", sample.config, "--config", "evil.yaml", "-f")
    assert done.code == 2
    assert done.err.startswith("error: evil.yaml") or f"{sample.folder}/evil.yaml" in done.err
    assert "nobody foresaw" not in done.err
