"""``salt plugins``: the listing and the options of one plugin."""

from __future__ import annotations

import json

import pytest

from salt_core.cli import main
from salt_core.commands.plugins import HEADINGS, Row, describe, rows_of, table
from salt_core.errors import ConfigError
from salt_core.kinds import KINDS
from salt_core.registry import BrokenPlugin, Provider, Registry
from salt_core.registry.discovery import Findings
from salt_core.version import __version__

LOCAL = '''
from torch import Tensor

from salt_core import Loss, hookimpl


class Absolute(Loss):
    """Absolute difference.

    Parameters
    ----------
    scale : float, optional
        Factor of every value.
    """

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, predictions: Tensor, targets: Tensor) -> Tensor:
        return self.scale * (predictions - targets).abs()


@hookimpl
def salt_losses():
    return {"absolute": Absolute}
'''


@pytest.fixture
def plugin_file(tmp_path, monkeypatch):
    """A plugin that ``SALT_PLUGINS`` names."""
    path = tmp_path / "absolute.py"
    path.write_text(LOCAL)
    monkeypatch.setenv("SALT_PLUGINS", str(path))
    return path


@pytest.fixture
def mixed():
    """One good plugin, one in conflict, one whose module is gone, one that did not load."""

    def offer(name, who, target="salt_core.errors:ConfigError"):
        return Provider("loss", name, target, f"{who}_entry", f"salt-{who}", "1.0")

    providers = [
        offer("good", "a"),
        offer("twice", "a"),
        offer("twice", "b"),
        offer("gone", "c", "gone_module:X"),
    ]
    broken = [
        BrokenPlugin("bad_entry", "salt-d", "2.0", "ModuleNotFoundError: No module named 'numba' (x.py:1)")
    ]
    return Registry(Findings(providers, broken))


def run(capsys, *args: str) -> tuple[int, str, str]:
    code = main(list(args))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_table(capsys):
    code, out, err = run(capsys, "plugins", "list")
    heading, *lines = out.splitlines()
    assert (code, err) == (0, "")
    assert heading.split("  ")[0] == "kind"
    assert [word for word in HEADINGS if word not in heading] == []
    (gn2,) = [line for line in lines if line.startswith("encoder ") and " gn2 " in line]
    assert gn2.endswith(f"salt-hep {__version__}  ok")
    assert "Transformer over each jet's constituents" in gn2


def test_one_kind_alone(capsys):
    code, out, _ = run(capsys, "plugins", "list", "--kind", "task")
    kinds = {line.split()[0] for line in out.splitlines()[1:]}
    assert (code, kinds) == (0, {"task"})
    assert "classification" in out
    assert "vertexing" in out


def test_an_unknown_kind_is_one_message(capsys):
    code, out, err = run(capsys, "plugins", "list", "--kind", "tsk")
    assert (code, out) == (2, "")
    assert err == f"error: there is no kind of plugin 'tsk': did you mean 'task'? Choices: {_kinds()}\n"


def test_json(capsys, plugin_file):
    code, out, _ = run(capsys, "plugins", "list", "--json", "--kind", "loss")
    rows = {row["name"]: row for row in json.loads(out)}
    assert code == 0
    assert rows["absolute"] == {
        "kind": "loss",
        "name": "absolute",
        "summary": "Absolute difference.",
        "distribution": str(plugin_file),
        "version": "local",
        "state": "ok",
        "plugin": "absolute",
        "reason": None,
    }
    assert rows["cross_entropy"]["version"] == __version__


def test_a_broken_file_is_in_the_listing_and_the_rest_too(capsys, plugin_file):
    plugin_file.write_text("import a_module_that_nobody_has")
    code, out, _ = run(capsys, "plugins", "list", "--json")
    rows = json.loads(out)
    (broken,) = [row for row in rows if row["state"] == "broken"]
    assert code == 0
    assert (broken["kind"], broken["name"], broken["plugin"]) == (None, None, "absolute")
    assert broken["reason"].startswith("ModuleNotFoundError: No module named 'a_module_that_nobody_has'")
    assert "gn2" in [row["name"] for row in rows]


def test_rows_of_every_state(mixed):
    rows = [(row.name or row.plugin, row.state, row.reason) for row in rows_of(mixed)]
    assert rows == [
        ("gone", "broken", "there is no module gone_module"),
        ("good", "ok", None),
        ("twice", "conflict", "also offered by salt-b 1.0 (plugin b_entry)"),
        ("twice", "conflict", "also offered by salt-a 1.0 (plugin a_entry)"),
        ("bad_entry", "broken", "ModuleNotFoundError: No module named 'numba' (x.py:1)"),
    ]


def test_a_broken_plugin_is_listed_with_every_kind(mixed):
    assert [row.plugin for row in rows_of(mixed, "encoder")] == ["bad_entry"]


def test_both_sides_of_a_conflict_are_in_the_table(mixed):
    lines = [line.split() for line in table(rows_of(mixed), None).splitlines() if "twice" in line]
    assert [line[-3:] for line in lines] == [["salt-a", "1.0", "conflict"], ["salt-b", "1.0", "conflict"]]


def test_a_narrow_table_cuts_summaries_and_wraps_reasons():
    row = Row("loss", "x", "word " * 30, "salt-a", "1", "ok", "p", None)
    reason = "ModuleNotFoundError: No module named 'numba' (/plugins/focal.py:1)"
    bad = Row(None, None, "", "salt-b", "1", "broken", "focal", reason)
    lines = table([row, bad], 80).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].count("…") == 1
    texts = [line[len("kind  name   ") :].split("  ")[0] for line in lines[2:]]
    assert " ".join(texts).split() == reason.split()


def test_a_wide_table_cuts_nothing():
    row = Row("loss", "x", "word " * 60, "salt-a", "1", "ok", "p", None)
    assert ("word " * 60).strip() in table([row], None)


def test_show(capsys, plugin_file):
    code, out, _ = run(capsys, "plugins", "show", "loss", "absolute")
    assert code == 0
    lines = out.splitlines()
    assert lines[:4] == [
        "loss absolute",
        "  Absolute difference.",
        "",
        f"Provided by {plugin_file} local: {lines[3].split(': ')[1]}",
    ]
    assert lines[-2:] == ["  scale: float, default 1.0", "      Factor of every value."]


def test_show_tells_types_defaults_and_required_options(capsys):
    _, out, _ = run(capsys, "plugins", "show", "task", "classification")
    assert "  input_name: str, required\n" in out
    assert "loss plugin" in out
    assert "  weight: float, default 1.0\n      Factor of this task's loss in the total.\n" in out


def test_show_explains_the_options_of_an_option_below_it(capsys):
    _, out, _ = run(capsys, "plugins", "show", "encoder", "gn2")
    _, after = out.split("  init_nets: ")
    inner, _ = after.split("\n  num_layers: ")
    assert "\n      attach_global: bool, default true\n          Whether each constituent" in inner
    assert "\n          dim: int, default 16\n              Values that encode" in inner


def test_show_of_a_plugin_without_options():
    provider = Provider("callback", "plain", "lightning.pytorch.callbacks:Callback", "p", "d", "1")
    assert describe(Registry(Findings([provider])), "callback", "plain").endswith("It takes no options.")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("encoder", "gn22"), "there is no encoder 'gn22': did you mean 'gn2'? Choices: "),
        (("encodr", "gn2"), "there is no kind of plugin 'encodr': did you mean 'encoder'? Choices: "),
        (("encoder",), "Missing argument 'NAME'"),
    ],
)
def test_show_with_a_mistake_is_one_message(capsys, args, message):
    code, out, err = run(capsys, "plugins", "show", *args)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"error: {message}")


def test_show_of_a_conflict_names_both(mixed):
    with pytest.raises(
        ConfigError, match=r"salt-a 1\.0 \(plugin a_entry\) and salt-b 1\.0 \(plugin b_entry\)"
    ):
        describe(mixed, "loss", "twice")


def test_a_rival_command_is_a_warning_beside_the_listing(capsys, monkeypatch):
    monkeypatch.setattr(Registry, "discover", lambda: Registry(Findings(script_rivals=["salt-ml 0.13"])))
    code, out, err = run(capsys, "plugins", "list", "--json")
    assert (code, json.loads(out)) == (0, [])
    assert err.startswith("warning: salt-ml 0.13 also installs a command 'salt'")
    assert "python -m salt_core" in err


def test_an_unknown_subcommand_is_one_message(capsys):
    code, out, err = run(capsys, "plugins", "lst")
    assert (code, out) == (2, "")
    assert (
        err
        == "error: 'salt plugins' has no command 'lst': did you mean 'list'? Choices: check, list, new, show\n"
    )


def test_alone_it_shows_its_help(capsys):
    code, out, _ = run(capsys, "plugins")
    assert code == 0
    assert "Usage: salt plugins" in out


def _kinds() -> str:
    return ", ".join(sorted(kind.name for kind in KINDS))
