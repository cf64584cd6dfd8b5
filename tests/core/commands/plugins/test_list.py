"""``salt plugins list``: the table, and what it says of plugins in every state."""

from __future__ import annotations

import json

from salt_core.commands.plugins.list import HEADINGS, Row, rows_of, table
from salt_core.kinds import KINDS
from salt_core.registry import Registry
from salt_core.registry.discovery import Findings
from salt_core.version import __version__


def test_the_table(salt):
    done = salt("plugins", "list")
    heading, *lines = done.out.splitlines()
    assert (done.code, done.err) == (0, "")
    assert heading.split("  ")[0] == "kind"
    assert [word for word in HEADINGS if word not in heading] == []
    (gn2,) = [line for line in lines if line.startswith("encoder ") and " gn2 " in line]
    assert gn2.endswith(f"salt-hep {__version__}  ok")
    assert "Transformer over each jet's constituents" in gn2


def test_one_kind_alone(salt):
    done = salt("plugins", "list", "--kind", "task")
    kinds = {line.split()[0] for line in done.out.splitlines()[1:]}
    assert (done.code, kinds) == (0, {"task"})
    assert "classification" in done.out
    assert "vertexing" in done.out


def test_an_unknown_kind_is_one_message(salt):
    done = salt("plugins", "list", "--kind", "tsk")
    assert (done.code, done.out) == (2, "")
    assert done.err == f"error: there is no kind of plugin 'tsk': did you mean 'task'? Choices: {_kinds()}\n"


def test_json(salt, plugin_file):
    done = salt("plugins", "list", "--json", "--kind", "loss")
    rows = {row["name"]: row for row in json.loads(done.out)}
    assert done.code == 0
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


def test_a_broken_file_is_in_the_listing_and_the_rest_too(salt, plugin_file):
    plugin_file.write_text("import a_module_that_nobody_has")
    done = salt("plugins", "list", "--json")
    rows = json.loads(done.out)
    (broken,) = [row for row in rows if row["state"] == "broken"]
    assert done.code == 0
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


def test_a_rival_command_is_a_warning_beside_the_listing(salt, monkeypatch):
    monkeypatch.setattr(Registry, "discover", lambda: Registry(Findings(script_rivals=["salt-ml 0.13"])))
    done = salt("plugins", "list", "--json")
    assert (done.code, json.loads(done.out)) == (0, [])
    assert done.err.startswith("warning: salt-ml 0.13 also installs a command 'salt'")
    assert "python -m salt_core" in done.err


def _kinds() -> str:
    return ", ".join(sorted(kind.name for kind in KINDS))
