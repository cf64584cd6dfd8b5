"""One line for what a plugin raised."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from salt_core.registry.faults import HookError, reason_of


def raised_by(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    spec = importlib.util.spec_from_file_location("failing", path)
    with pytest.raises(BaseException) as caught:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    trace = caught.value.__traceback__.tb_next  # without this function's own frame
    return caught.value.with_traceback(trace)


def test_type_message_and_place(tmp_path):
    path = tmp_path / "plugin.py"
    assert reason_of(raised_by(path, "\n\n1 / 0")) == f"ZeroDivisionError: division by zero ({path}:3)"


def test_a_message_of_several_lines_becomes_one(tmp_path):
    path = tmp_path / "plugin.py"
    assert reason_of(raised_by(path, "raise ValueError('one\\n  two')")) == f"ValueError: one two ({path}:1)"


def test_an_error_without_message(tmp_path):
    path = tmp_path / "plugin.py"
    assert reason_of(raised_by(path, "raise ValueError")) == f"ValueError ({path}:1)"


def test_an_error_that_was_never_raised_has_no_place():
    assert reason_of(ValueError("one")) == "ValueError: one"


def test_a_syntax_error_names_the_line_that_is_wrong(tmp_path):
    path = tmp_path / "plugin.py"
    assert reason_of(raised_by(path, "x = 1\ny = = 2")) == f"SyntaxError: invalid syntax ({path}:2)"


def test_the_place_is_in_the_plugin_not_in_the_library_that_it_called(tmp_path):
    path = tmp_path / "plugin.py"
    error = raised_by(path, "import json\njson.loads('{')")
    assert reason_of(error).endswith(f"({path}:2)")


def test_a_library_beside_the_plugin_is_not_the_plugin(tmp_path, monkeypatch):
    library = tmp_path / ".venv" / "site-packages" / "library_beside.py"
    library.parent.mkdir(parents=True)
    library.write_text("1 / 0")
    monkeypatch.syspath_prepend(str(library.parent))
    path = tmp_path / "plugin.py"
    assert reason_of(raised_by(path, "import library_beside")).endswith(f"({path}:1)")


def test_the_place_is_the_deepest_file_of_the_plugin(tmp_path, monkeypatch):
    inner = tmp_path / "plugin" / "failing_inner.py"
    inner.parent.mkdir()
    inner.write_text("import json\n\njson.loads('{')")
    monkeypatch.syspath_prepend(str(inner.parent))
    error = raised_by(tmp_path / "plugin" / "__init__.py", "import failing_inner")
    assert "failing_inner" not in sys.modules
    assert reason_of(error).endswith(f"({inner}:3)")


def test_a_breach_of_the_hooks_contract_speaks_for_itself():
    assert reason_of(HookError("it offers no hook")) == "it offers no hook"


def test_code_that_called_the_plugin_is_passed_over(tmp_path):
    caller, plugin = tmp_path / "caller" / "calls.py", tmp_path / "plugin.py"
    plugin.write_text("1 / 0")
    error = raised_by(caller, f"exec(compile('1 / 0', {str(plugin)!r}, 'exec'))")
    assert reason_of(error).endswith(f"({caller}:1)")
    assert reason_of(error, (caller.parent,)).endswith(f"({plugin}:1)")


def test_code_that_lies_in_no_file_has_a_place_too():
    with pytest.raises(ZeroDivisionError) as caught:
        exec(compile("1 / 0", "typed.py", "exec"))
    error = caught.value.with_traceback(caught.value.__traceback__.tb_next)
    assert reason_of(error) == "ZeroDivisionError: division by zero (typed.py:1)"
