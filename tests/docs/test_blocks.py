"""The short examples all over the pages: commands and flags that there are, YAML that the schema takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import jsonschema
import pytest
import yaml

from salt_core.cli import salt as program
from salt_core.config.json_schema import json_schema
from salt_core.config.yaml import load_yaml
from salt_core.registry import Registry
from salt_core.registry.api import check_api

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
#: Commands whose flags are the options of a configuration.
OF_A_TRAINING = ("fit", "test", "validate", "check")
#: Pages whose Python is run by tests of their own.
TESTED = {"data", "export", "hooks", "plugins", "python", "testing", "tutorial"}
OTHERS = {
    "make",
    ".",
    "eval",
    "git",
    "pip",
    "mkdocs",
    "pytest",
    "cd",
    "apptainer",
    "docker",
    "python",
    "python3",
    "nvidia-smi",
}


def blocks(page: Path, *languages: str) -> list[str]:
    """Find the code of a page that is in one of `languages`, without what is tested word by word elsewhere."""
    pattern = rf"^ *```(?:{'|'.join(languages)})\n(.*?)^ *```"
    return re.findall(pattern, page.read_text(), re.MULTILINE | re.DOTALL)


def lines() -> list[tuple[str, str]]:
    """Find each command line, and each line that shows a flag alone."""
    found = []
    for page in PAGES:
        for block in blocks(page, "bash", "sh"):
            whole = re.sub(r"\\\n\s*", "", block)
            found += [
                (page.stem, line.strip()) for line in whole.splitlines() if shlex.split(line, comments=True)
            ]
    return found


def salt_lines(*names: str) -> list[tuple[str, str]]:
    """Find the lines that call one of the commands, or another one where none is named."""
    calls = [(page, line) for page, line in lines() if line.startswith("salt ")]
    if names:
        return [(page, line) for page, line in calls if line.split()[1] in names]
    return [(page, line) for page, line in calls if line.split()[1] not in OF_A_TRAINING]


def words_of(line: str) -> list[str]:
    return [word for word in shlex.split(line, comments=True) if word != "..."]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A configuration where examples have one of a run."""
    path = tmp_path_factory.mktemp("run") / "config.yaml"
    path.write_text("name: GN2\n")
    return path


def test_programs_are_known():
    first = {words_of(line)[0] for _, line in lines()}
    assert sorted({word for word in first if not word.startswith("--")} - {"salt"} - OTHERS) == []


@pytest.mark.parametrize(("page", "line"), salt_lines())
def test_commands_have_the_flags_that_are_shown(page, line):
    words = words_of(line)[1:]
    command, context = program, click.Context(program, info_name="salt")
    while isinstance(command, click.Group) and words:
        names = words.pop(0).split("|")
        found = [command.get_command(context, name) for name in names]
        assert None not in found, names
        command = found[0]
        context = click.Context(command, info_name=names[0], parent=context)
    command.make_parser(context).parse_args(words)


TRAININGS = [*salt_lines(*OF_A_TRAINING), *((page, line) for page, line in lines() if line.startswith("--"))]


def test_trainings_take_the_flags_that_are_shown(salt, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(TRAININGS) > 25
    for page, line in TRAININGS:
        words = words_of(line if line.startswith("salt ") else f"salt fit {line}")[2:]
        words = [
            re.sub(r"^(configs/|logs/.*/config\.yaml|(?:my|tagger|poly|train|cubic)\.yaml)", _config(run), w)
            for w in words
        ]
        done = salt("fit", "--config", "GN2.yaml", "--config", "demo.yaml", *words, "--print_config")
        assert done.code == 0, f"{page}: {line}\n{done.err}"


def _config(run: Path):
    return lambda found: "" if found[0] == "configs/" else str(run)


SNIPPETS = [
    (page.stem, block)
    for page in PAGES
    if page.stem not in ("models", "tutorial")  # trained with by tests of their own
    for block in blocks(page, "yaml")
]


def test_python_of_a_page_that_has_no_test_of_its_own_runs():
    (example,) = blocks(ROOT / "docs" / "compatibility.md", "python")
    names: dict[str, object] = {}
    exec(compile(example, "compatibility.md", "exec"), names)
    check_api(names["salt_api"])
    others = {page.stem for page in PAGES if blocks(page, "python")} - {"compatibility"}
    assert sorted(others - TESTED) == [], "its Python needs a test that runs it"


@pytest.fixture(scope="module")
def schema() -> dict:
    return json_schema(Registry.discover(), lambda line: None)


@pytest.mark.parametrize(("page", "block"), SNIPPETS)
def test_yaml_is_what_a_configuration_may_hold(page, block, schema):
    jsonschema.Draft7Validator(schema).validate(load_yaml(block))


def test_the_schema_would_see_a_wrong_example(schema):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(schema).validate(yaml.safe_load("data: {selection: {jets: [pt > 1]}}"))
