"""``salt schema``: what an editor needs to complete and check YAML files."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("schema")
@click.option(
    "--config",
    "configs",
    metavar="YAML",
    multiple=True,
    help="Know the Python files that this configuration names under 'plugins' too.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="Write it there, not to the terminal."
)
def schema(configs: tuple[str, ...], out: Path | None) -> None:
    """Write a JSON schema of YAML files, with every plugin and its options.

    An editor that knows it completes names and options, explains them, and marks mistakes. Make it anew
    after plugins were installed.
    """
    # Options need the classes, hence torch.
    from salt_core.config.arguments import Arguments
    from salt_core.config.json_schema import json_schema
    from salt_core.config.load import merged_of
    from salt_core.config.paths import find_config
    from salt_core.config.resolver import local_plugins
    from salt_core.registry import Registry

    merged = merged_of(Arguments(), [find_config(text) for text in configs])
    registry = Registry.discover(local_plugins(merged))
    for one in registry.broken:
        _warn(f"left out: {one.plugin} of {one.origin}: {one.reason}")
    text = json.dumps(json_schema(registry, _warn), indent=1, ensure_ascii=False)
    if out is None:
        click.echo(text)
    else:
        _write(out, text)


def _warn(line: str) -> None:
    click.echo(f"warning: {line}", err=True)


def _write(out: Path, text: str) -> None:
    from salt_core.errors import ConfigError
    from salt_core.files import write_whole

    try:
        write_whole(out, text + "\n")
    except OSError as error:
        raise ConfigError(f"{out} cannot be written: {error.strerror}", "--out") from error
