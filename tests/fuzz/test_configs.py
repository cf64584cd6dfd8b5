"""Configurations that are wrong somewhere: the program works, or says what is wrong."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from salt_core.config.arguments import parse
from salt_core.config.load import load
from salt_core.config.schema import SECTIONS
from salt_core.config.yaml import dump_yaml, load_yaml
from salt_core.errors import SaltError
from salt_core.registry.options import options_of
from salt_core.training.objects import instantiate

SECTION_OPTIONS = {
    (name, option.name): option.default for name, cls in SECTIONS.items() for option in options_of(cls)
}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(level)


def written(tree: object) -> Path:
    path = Path("tried.yaml")
    path.write_text(yaml.safe_dump(tree, allow_unicode=True), encoding="utf-8")
    return path


def resolved(tree: object) -> str:
    """Complete a configuration; what comes out is the same when it is read again."""
    try:
        found = load(parse(["--config", str(written(tree))])).resolved
    except SaltError:
        return "refused"
    Path("again.yaml").write_text(dump_yaml(found.short), encoding="utf-8")
    assert dump_yaml(load_yaml(Path("again.yaml"))) == dump_yaml(found.short)
    return "complete"


def built(tree: object) -> str:
    """Make everything that a training needs, up to its first step."""
    try:
        found = load(parse(["--config", str(written(tree))])).resolved
        objects = instantiate(found, {"logger": False})
        objects.data.build(objects.module.columns(), objects.module.inputs(), 1, objects.module.check)
        objects.data.check_training()
        objects.module.build(objects.data.facts())
    except SaltError:
        return "refused"
    return "built"


@pytest.mark.parametrize("examples", [20, pytest.param(3000, marks=pytest.mark.full)])
def test_any_configuration_is_completed_or_refused(sample, try_all, configurations, examples):
    ends = try_all(configurations(SECTION_OPTIONS, huge=True), resolved, examples)
    assert set(ends) == {"complete", "refused"}


@pytest.mark.parametrize("examples", [20, pytest.param(3000, marks=pytest.mark.full)])
def test_any_model_is_built_or_refused(sample, try_all, configurations, examples):
    ends = try_all(configurations(SECTION_OPTIONS, huge=False), built, examples)
    assert set(ends) == {"built", "refused"}
