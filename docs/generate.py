"""Pages of the site that are made when it is built: the reference, and files that stand beside docs/.

MkDocs calls `on_files` and `on_page_markdown` (mkdocs.yml, ``hooks``). Nothing that this makes is committed.
"""

from __future__ import annotations

import html
import json
import posixpath
import re
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from salt_core.cli import salt
from salt_core.config.paths import shipped_configs
from salt_core.config.schema import SECTIONS, RunOptions
from salt_core.config.values import plain
from salt_core.config.yaml import load_yaml
from salt_core.kinds import PARTS
from salt_core.registry import Registry
from salt_core.registry.options import Option, options_of
from salt_core.registry.slots import kind_of

ROOT = Path(__file__).parents[1]
#: Files beside docs/ that are pages too.
PAGES = {
    "README.md": "index.md",
    "benchmarks/README.md": "reference/benchmarks.md",
    "CHANGELOG.md": "reference/changes.md",
}
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s:#]+)(#[^)]*)?\)")
PICTURE = re.compile(r'<img src="([^"]+)" alt="([^"]*)" width="(\d+)">')
TABLE = "| option | type | default | what |\n| --- | --- | --- | --- |"
ABOUT_SECTIONS = {
    "model": "The parts of the model, its optimiser and its learning rate.",
    "data": "Files, variables, and how batches are made of them.",
    "trainer": "The options of Lightning's `Trainer`. `callbacks` is a mapping of names to callbacks.",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that no file of docs/ holds."""
    made = {
        "reference/configuration.md": configuration(),
        "reference/plugins.md": plugins(Registry.discover()),
        "reference/commands.md": commands(),
        **{page: (ROOT / path).read_text() for path, page in PAGES.items()},
    }
    for uri, content in made.items():
        files.append(File.generated(config, uri, content=content))
    return files


def on_page_markdown(markdown: str, *, page: Page, **_: object) -> str:
    """Lead links between files of the repository to the pages that they are here."""
    origins = {made: path for path, made in PAGES.items()}
    source = origins.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    markdown = PICTURE.sub(r'![\2](\1){ width="\3" }', markdown)  # whose link MkDocs looks at
    return LINK.sub(lambda link: _relinked(link, source, page.file.src_uri), markdown)


def _relinked(link: re.Match[str], source: str, uri: str) -> str:
    """Rewrite a link of the file `source`, which is the page `uri`; one to no page becomes its text."""
    image, text, target, anchor = link[1], link[2], link[3], link[4] or ""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    if (ROOT / path / "README.md").is_file():
        path = f"{path}/README.md"
    if path.startswith("docs/"):
        found = path.removeprefix("docs/")
    elif path in PAGES:
        found = PAGES[path]
    else:
        return text if (ROOT / path).exists() else link[0]
    return f"{image}[{text}]({posixpath.relpath(found, posixpath.dirname(uri) or '.')}{anchor})"


def configuration() -> str:
    """Write the page of all options that are no plugin's."""
    base = load_yaml(shipped_configs()["base.yaml"])
    parts = [
        "# Options of a configuration",
        "Every key of a YAML file; its path after `--` is the flag. [Configuration](../configuration.md) tells "
        "how files and flags come together, [Plugins](plugins.md) has the options of what a place takes. "
        "Defaults are those of `base.yaml` where it has one.",
        "## The run",
        "These stand at the top of a file.",
        _table(RunOptions, base=base),
    ]
    for name, cls in SECTIONS.items():
        parts += [f"## {name}", ABOUT_SECTIONS[name], _table(cls, f"{name}.", base.get(name))]
    return "\n\n".join(parts)


def plugins(registry: Registry) -> str:
    """Write the page of all plugins that are installed here, with their options."""
    parts = [
        "# Plugins",
        "What was installed where this page was made. `salt plugins show KIND NAME` tells the same of what "
        "you have.",
    ]
    for kind in PARTS:
        parts += [f"## {kind.name}", f"Offered by the hook [`{kind.hook}`](../hooks.md#{kind.hook})."]
        for name in registry.names(kind.name):
            provider = registry.provider(kind.name, name)
            options = _table(registry.resolve(kind.name, name))
            parts += [
                f"### {name} {{#{kind.name}-{name}}}",
                _prose(provider.summary),
                f"From `{provider.distribution}` {provider.version}: `{provider.path}`.",
                options or "It takes no options.",
            ]
    return "\n\n".join(parts)


def commands() -> str:
    """Write the page of all commands: what their ``--help`` prints."""
    parts = [
        "# Commands",
        "What `--help` of each command prints. Those that take a configuration (`fit`, `validate`, `test`, "
        "`check`) have every [option of it](configuration.md) as a flag.",
    ]
    with click.Context(salt, info_name="salt", terminal_width=80) as context:
        parts += _helps(salt, context)
    return "\n\n".join(parts)


def _helps(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        with click.Context(command, info_name=name, parent=context) as inner:
            if inner.help_option_names and command.get_help_option(inner):
                yield f"## {inner.command_path}"
                yield f"```text\n{command.get_help(inner)}\n```"
            if isinstance(command, click.Group):
                yield from _helps(command, inner)


def _table(cls: type, prefix: str = "", base: Any = None) -> str:
    rows = list(_rows(cls, prefix, base))
    return "\n".join([TABLE, *rows]) if rows else ""


def _rows(cls: type, prefix: str, base: Any) -> Iterator[str]:
    """Write a row for each option, and below it those of what it is made of; `base` has other defaults."""
    for option in options_of(cls):
        name = f"{prefix}{option.name}"
        given = base.get(option.name) if isinstance(base, dict) else None
        opened = option.inner is not None and _step(option.annotation) == "" and option.default is not None
        default = "" if opened else _default(option, given)
        yield f"| {_code(name)} | {_type(option)} | {default} | {_prose(option.description)} |"
        if option.inner is not None:
            yield from _rows(option.inner, f"{name}{_step(option.annotation)}.", given)


def _step(annotation: object) -> str:
    """Write how a key path goes from an option into the value that a dataclass describes."""
    for part in (annotation, *typing.get_args(annotation)):
        origin = typing.get_origin(part)
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return ".NAME"
        if isinstance(origin, type) and issubclass(origin, list | tuple):
            return "[]"
    return ""


def _type(option: Option) -> str:
    slot = kind_of(option.annotation)
    if slot is None:
        return _code(option.type_text)
    text = {"mapping": "mapping of names to {}s", "one": "{}"}.get(slot.container, "list of {}s")
    return text.format(f"[{slot.kind}](plugins.md#{slot.kind})")


def _default(option: Option, given: Any) -> str:
    if given is None and option.required:
        return "**required**"
    value = plain(option.default) if given is None else given
    return _code(json.dumps(value, default=str, ensure_ascii=False))


def _code(text: str) -> str:
    return f"<code>{html.escape(text, quote=False).replace('|', '&#124;')}</code>"


def _prose(text: str) -> str:
    """Make Markdown of a docstring's line, for a cell of a table."""
    without_roles = re.sub(r":[\w:]+:`~?\.?([^`]+)`", r"`\1`", text)
    one_tick = without_roles.replace("``", "`")
    return "".join(
        part
        if part.startswith("`")
        else html.escape(part, quote=False).replace("|", "&#124;").replace("*", r"\*")
        for part in re.split(r"(`[^`]*`)", one_tick)
    )
