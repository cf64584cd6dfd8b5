"""The JSON schema: what ships is valid by it, and what `salt check` finds broken is not, as far as it shows."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from salt_core.config.arguments import parse
from salt_core.config.json_schema import json_schema
from salt_core.config.load import merged_of
from salt_core.config.paths import shipped_configs
from salt_core.config.yaml import load_yaml
from salt_core.errors import SaltError
from salt_core.registry import Registry

PLUGIN = '''
from typing import Literal

from salt_core import Loss, hookimpl


class Pair(Loss):
    """Two losses in one.

    Parameters
    ----------
    first : Loss
        The one.
    others : dict of str to Loss, optional
        Further ones.
    how : "sum" or "mean", optional
        How they are combined.
    limits : tuple of float and float, optional
        Between which it is cut.
    """

    def __init__(
        self,
        first: Loss,
        others: dict[str, Loss] | None = None,
        how: Literal["sum", "mean"] = "sum",
        limits: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        super().__init__()

    def forward(self, predictions, targets):
        """Sum nothing."""
        return predictions.sum(-1)


@hookimpl
def salt_losses():
    return {"pair": Pair, "gone": "no_such_module:Gone"}
'''


@pytest.fixture(scope="module")
def told() -> list[str]:
    return []


@pytest.fixture(scope="module")
def schema(told, tmp_path_factory):
    path = tmp_path_factory.mktemp("plugins") / "pair_of_losses.py"
    path.write_text(PLUGIN)
    made = json_schema(Registry.discover([path]), told.append)
    yield json.loads(json.dumps(made))
    for name in [name for name in sys.modules if name.startswith("salt_local_pair_of_losses")]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def faults(schema):
    """Return the key paths that the schema marks in a tree; keys are texts, as editors take them."""
    validator = jsonschema.Draft7Validator(schema)

    def found(tree: object) -> list[str]:
        errors = validator.iter_errors(json.loads(json.dumps(tree)))
        return [".".join(map(str, _deepest(error).absolute_path)) for error in errors]

    return found


def _deepest(error: jsonschema.ValidationError) -> jsonschema.ValidationError:
    return jsonschema.exceptions.best_match([error])


def test_it_is_a_schema(schema):
    jsonschema.Draft7Validator.check_schema(schema)


@pytest.mark.parametrize("name", shipped_configs())
def test_what_ships_is_valid(faults, name):
    assert faults(load_yaml(shipped_configs()[name])) == []


def table() -> dict[str, object]:
    """The broken configurations of ``salt check``."""
    path = Path(__file__).parents[2] / "cli" / "test_check.py"
    spec = importlib.util.spec_from_file_location("table_of_salt_check", path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.CASES


CASES = table()
SEEN = {
    "unknown option",
    "unknown section",
    "wrong type",
    "unknown plugin",
    "unknown loss",
    "tasks without a name",
    "unknown precision",
    "weights to start from beside a model that cannot be made",
}


def test_the_table_has_what_is_to_be_seen():
    assert set(CASES) >= SEEN
    # A value out of range ("-1.0 must be finite") is of the right type, and for the plugin to refuse.
    shown = ("no such option", ": must be ", "there is no encoder", "there is no loss")
    assert {name for name, case in CASES.items() if any(s in t for t in case.texts for s in shown)} <= SEEN


@pytest.mark.parametrize("name", CASES)
def test_of_the_table_of_salt_check_just_what_shows_is_rejected(faults, sample, name):
    case = CASES[name]
    case.prepare(sample)
    try:
        tree = merged_of(parse(case.words), [sample.config, *map(Path, parse(case.words).configs)]).tree
    except (SaltError, OSError):
        return  # it is no YAML at all
    losses = [task["loss"] for task in tree["model"]["tasks"].values() if task and "loss" in task]
    if any("broken" in (loss, *(loss.values() if isinstance(loss, dict) else ())) for loss in losses):
        return  # names a plugin of a file of its own
    assert bool(faults(tree)) == (name in SEEN)


def loss(value: object) -> dict[str, object]:
    return {"model": {"tasks": {"a": {"plugin": "classification", "loss": value}}}}


VALID = {
    "nothing": {},
    "empty sections": {"model": None, "data": None, "trainer": None},
    "a task that goes": {"model": {"tasks": {"a": None}}},
    "an option of a plugin that another file names": {"model": {"encoder": {"num_layers": 2}}},
    "a plugin by its name": loss("cross_entropy"),
    "a plugin with options": loss({"plugin": "cross_entropy", "weight": [1.0, 2]}),
    "null where it may be": loss({"plugin": "cross_entropy", "weight": None}),
    "a plugin of a file": loss({"plugin": "pair", "first": "l1", "limits": [0, 2.5]}),
    "plugins within plugins": loss({"plugin": "pair", "first": {"plugin": "pair", "first": "huber"}}),
    "a mapping of plugins": loss({"plugin": "pair", "others": {"x": "l1", "y": None}}),
    "a label map with numbers": {
        "model": {"tasks": {"a": {"plugin": "classification", "label_map": {0: 0, 5: 1}}}}
    },
    "callbacks by name": {"trainer": {"callbacks": {"a": "rejection", "b": None}}},
    "callbacks as a list": {"trainer": {"callbacks": ["rejection", {"plugin": "checkpoint"}]}},
    "a class of Lightning": {"trainer": {"callbacks": {"a": {"class_path": "Timer", "init_args": {}}}}},
    "an argument of Lightning": {"trainer": {"max_epochs": 3, "gradient_clip_val": 0.5, "devices": "auto"}},
    "an option of the run": {"name": "x", "time_limit": "11:30:00", "plugins": ["a.py"]},
}

INVALID = {
    "an unknown key of a section": ({"data": {"batch_sizes": 3}}, "data"),
    "an unknown argument of Lightning": ({"trainer": {"max_epoch": 3}}, "trainer"),
    "a text for a number": ({"trainer": {"max_epochs": "many"}}, "trainer.max_epochs"),
    "a section that is a list": ({"model": []}, "model"),
    "an unknown plugin": (loss({"plugin": "cross_entrpy"}), "model.tasks.a.loss"),
    "a plugin of another kind": (loss("gn2"), "model.tasks.a.loss"),
    "an option of another plugin": (loss({"plugin": "l1", "label_smoothing": 0.1}), "model.tasks.a.loss"),
    "an option that no plugin has": ({"model": {"encoder": {"num_layrs": 2}}}, "model.encoder"),
    "a wrong choice": (loss({"plugin": "pair", "how": "product"}), "model.tasks.a.loss"),
    "a fault deep within plugins": (
        loss({"plugin": "pair", "first": {"plugin": "pair", "first": {"plugin": "pair", "how": 3}}}),
        "model.tasks.a.loss",
    ),
    "too many values": (loss({"plugin": "pair", "limits": [0, 1, 2]}), "model.tasks.a.loss"),
    "a plugin that cannot be used": (loss("gone"), "model.tasks.a.loss"),
    "null where nothing may be missing": ({"data": {"batch_size": None}}, "data.batch_size"),
    "an option of a part of the schedule": ({"model": {"lrs_config": {"maxi": 1}}}, "model.lrs_config"),
}


@pytest.mark.parametrize("case", VALID)
def test_valid(faults, case):
    assert faults(VALID[case]) == []


@pytest.mark.parametrize("case", INVALID)
def test_invalid(faults, case):
    tree, place = INVALID[case]
    (found,) = faults(tree)
    assert found.startswith(place)


def test_what_cannot_be_used_is_told(schema, told):
    (line,) = told
    assert line.startswith("left out: the loss 'gone' of ")
    assert "No module named 'no_such_module'" in line


def test_options_are_explained_with_types_and_defaults(schema):
    pair = schema["definitions"]["loss.pair"]
    assert pair["description"] == "Two losses in one."
    assert pair["properties"]["how"] == {
        "description": "How they are combined. ('sum' | 'mean')",
        "enum": ["sum", "mean"],
        "default": "sum",
    }
    assert pair["properties"]["first"]["description"] == "The one. (loss plugin, required)"


def test_a_complete_configuration_is_valid_too(faults, sample, salt):
    complete = yaml.safe_load(salt("fit", "--config", sample.config, "--print_config").out)
    assert complete["trainer"]["callbacks"]
    assert faults(complete) == []


def test_the_command_writes_a_file_with_the_plugins_that_a_configuration_names(tmp_path, salt):
    (tmp_path / "my_losses.py").write_text(PLUGIN.replace("pair", "couple"))
    (tmp_path / "mine.yaml").write_text("plugins: [my_losses.py]\n")
    done = salt("schema", "--config", tmp_path / "mine.yaml", "--out", tmp_path / "salt.schema.json")
    assert (done.code, done.out) == (0, "")
    assert "warning: left out: the loss 'gone'" in done.err
    written = json.loads((tmp_path / "salt.schema.json").read_text())
    assert {"loss.couple", "loss.l1"} <= set(written["definitions"])


def test_a_folder_that_is_not_there_is_one_message(tmp_path, salt):
    done = salt("schema", "--out", tmp_path / "no" / "salt.schema.json")
    assert done.code == 2
    assert "--out: " in done.err
