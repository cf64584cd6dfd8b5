"""The chapters of docs/hooks.md, and their code."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from salt_core.registry import Registry

HOOKS = Path(__file__).parents[2] / "docs" / "hooks.md"


@pytest.fixture(scope="session")
def chapters() -> dict[str, str]:
    """Text of docs/hooks.md by its second-level headings."""
    parts = re.split(r"^## (.+)$", HOOKS.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.fixture(scope="session")
def code_of(chapters: dict[str, str]) -> Callable[[str], list[str]]:
    """Find the Python code of a chapter; the last piece is the example."""
    return lambda heading: re.findall(r"^```python\n(.*?)^```", chapters[heading], re.MULTILINE | re.DOTALL)


@pytest.fixture
def example(code_of, tmp_path) -> Callable[[str], Path]:
    """Write the example of a hook into a file of its own."""

    def write(hook: str) -> Path:
        path = tmp_path / f"{hook}.py"
        path.write_text(code_of(hook)[-1])
        return path

    return write


@pytest.fixture
def example_class(example) -> Callable[[str, str, str], type]:
    """Resolve the example of a hook, as a project-local plugin, by kind and name."""
    return lambda hook, kind, name: Registry.discover([example(hook)]).resolve(kind, name)
