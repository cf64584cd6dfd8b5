"""The site: it builds without a warning, has every page, and its reference is that of the code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.exceptions import Abort

from salt_core.commands.built_in import COMMANDS
from salt_core.kinds import PARTS
from salt_core.registry import Registry
from salt_core.registry.options import options_of

ROOT = Path(__file__).parents[2]
SETTINGS = ROOT / "mkdocs.yml"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site as `make docs` builds it; a warning of MkDocs is an error."""
    folder = tmp_path_factory.mktemp("site")
    build(load_config(str(SETTINGS), strict=True, site_dir=str(folder)))
    return folder


def text_of(page: Path) -> str:
    return unescape(re.sub(r"<[^>]+>", "", page.read_text()))


def pages_in(nav: object) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    for part in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from pages_in(part)


def test_every_page_can_be_found_from_the_first(site):
    nav = list(pages_in(yaml.safe_load(re.sub(r"!!python\S+", "", SETTINGS.read_text()))["nav"]))
    assert sorted(set(nav)) == sorted(nav)
    written = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    assert sorted(set(written) - set(nav)) == [], "a page is missing in the nav of mkdocs.yml"
    for page in nav:
        name = page.removesuffix("index.md").removesuffix(".md")
        assert (site / name / "index.html").is_file(), page
    assert not list(site.rglob("*.py"))


@pytest.mark.parametrize("line", ["[gone](gone.md)", "[there](#gone)", "![none](none.svg)"])
def test_a_link_to_nowhere_would_be_seen(line, tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text(f"# One page\n\n{line}\n")
    places = {"docs_dir": str(tmp_path / "docs"), "site_dir": str(tmp_path / "site")}
    with pytest.raises(Abort):
        build(load_config(str(SETTINGS), strict=True, nav=None, hooks=[], plugins=[], **places))


def test_nothing_is_fetched_from_elsewhere(site):
    resource = re.compile(
        r"""(?:<(?:script|img|iframe)[^>]*\ssrc|<link[^>]*\shref)=["']?(https?:[^"'>\s]+)"""
    )
    styles = re.compile(r"(?:url\(|@import )[\"']?(https?:[^\"')]+)")
    found = [url for page in site.rglob("*.html") for url in resource.findall(page.read_text())]
    found += [url for style in site.rglob("*.css") for url in styles.findall(style.read_text())]
    assert found == []


def test_the_reference_has_every_plugin_with_its_options(site):
    page = (site / "reference" / "plugins" / "index.html").read_text()
    registry = Registry.discover()
    for kind in PARTS:
        for name in registry.names(kind.name):
            after = page.split(f'<h3 id="{kind.name}-{name}">')[1]
            section = unescape(re.split(r"<h[23] ", after)[0])
            assert registry.provider(kind.name, name).path in section
            for option in options_of(registry.resolve(kind.name, name)):
                row = re.search(rf"<tr>\s*<td><code>{option.name}</code></td>(.*?)</tr>", section, re.DOTALL)
                assert row is not None, (kind.name, name, option.name)
                assert ("required" in row[1]) is option.required


def test_the_reference_has_what_base_yaml_says_and_what_lies_within(site):
    page = text_of(site / "reference" / "configuration" / "index.html")
    for shown in (
        r"trainer\.max_epochs\s+int \| None\s+40\s",
        r"data\.batch_size\s+int\s+1000\s+\S",
        r"model\.optimizer\s+optimizer\s+\"adamw\"",
        r"model\.lrs_config\.max\s+float\s+0\.0005\s+Highest rate",
        r"data\.train_file\s+Path",
        r"resume\s+bool\s+false",
    ):
        assert re.search(shown, page), shown


def test_the_reference_has_every_command(site):
    page = (site / "reference" / "commands" / "index.html").read_text()
    headings = [unescape(found) for found in re.findall(r"<h2 id=[^>]*>(.*?)<a", page)]
    told_elsewhere = {"fit", "validate", "test", "check"}
    expected = {f"salt {name}" for name in (*COMMANDS, *Registry.discover().names("command"))}
    assert expected - set(headings) <= {f"salt {name}" for name in told_elsewhere}
    assert {"salt submit slurm", "salt jobs cancel", "salt plugins show", "salt report"} <= set(headings)


def test_the_api_has_what_salt_core_offers(site):
    import salt_core

    page = (site / "api" / "index.html").read_text()
    classes = set(salt_core.__all__) - {"PLUGIN_API", "__version__", "hookimpl"}
    assert [name for name in sorted(classes) if f'id="salt_core.{name}"' not in page] == []
    assert "checkpoint with the lowest validation loss" in page


@pytest.mark.parametrize(
    ("uri", "written", "led"),
    [
        ("index.md", "[d](docs/data.md#files)", "[d](data.md#files)"),
        ("index.md", "[b](benchmarks)", "[b](reference/benchmarks.md)"),
        ("index.md", "![r](docs/images/report.png)", "![r](images/report.png)"),
        ("index.md", '<img src="docs/i.png" alt="I" width="9">', '![I](i.png){ width="9" }'),
        ("performance.md", "[b](../benchmarks/README.md)", "[b](reference/benchmarks.md)"),
        ("performance.md", "[`one`](../salt_core/cli.py)", "`one`"),
        ("performance.md", "[gone](../nowhere.md)", "[gone](../nowhere.md)"),
        ("performance.md", "[away](https://example.org/a.md)", "[away](https://example.org/a.md)"),
        ("reference/changes.md", "[m](docs/migration.md)", "[m](../migration.md)"),
        ("reference/plugins.md", "[h](../hooks.md#salt_tasks)", "[h](../hooks.md#salt_tasks)"),
    ],
)
def test_links_of_the_repository_lead_to_pages(uri, written, led):
    hook = load_config(str(SETTINGS)).hooks["docs/generate.py"]
    page = SimpleNamespace(file=SimpleNamespace(src_uri=uri))
    assert hook.on_page_markdown(written, page=page) == led
