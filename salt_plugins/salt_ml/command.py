"""``salt import``: a training of salt-ml as a run of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from salt_core.errors import ConfigError, RunError
from salt_core.files import shown, write_whole

OLD_CONFIG = "config.yaml"


@click.command("import")
@click.argument("ckpt", required=False, metavar="CKPT", type=click.Path(path_type=Path))
@click.option(
    "--config",
    "configs",
    multiple=True,
    metavar="OLD.yaml",
    type=click.Path(path_type=Path),
    help="Its configuration, best as salt-ml saved it; repeatable. By default config.yaml of its run.",
)
@click.option("--out", metavar="DIR", type=click.Path(path_type=Path), help="The run directory to make.")
@click.option(
    "--norm_dict",
    metavar="YAML",
    type=click.Path(path_type=Path),
    help="Normalisation in the place of the checkpoint's, or else of the configuration's.",
)
@click.option(
    "--config_only",
    metavar="OLD.yaml",
    type=click.Path(path_type=Path),
    help="Translate a configuration alone, to --out or to the screen.",
)
def import_training(
    ckpt: Path | None,
    configs: tuple[Path, ...],
    out: Path | None,
    norm_dict: Path | None,
    config_only: Path | None,
) -> None:
    """Make a run directory of a training that was made with salt-ml 0.10 to 0.13.

    CKPT is its Lightning checkpoint. The run predicts the same with salt test. What has no equivalent is
    listed; where that is the model itself, nothing is written and the exit code is 2. No code of the
    checkpoint is run.
    """
    if config_only is not None:
        if ckpt is not None or configs or norm_dict is not None:
            raise ConfigError("takes --out alone beside it", "--config_only")
        _translate(config_only, out)
    elif ckpt is None or out is None:
        raise ConfigError(
            "give CKPT and --out DIR, such as salt import X.ckpt --config OLD.yaml --out logs/X"
        )
    else:
        _import(ckpt, _configs(ckpt, configs), out.absolute(), norm_dict)


def _translate(path: Path, out: Path | None) -> None:
    from salt_core.config.yaml import dump_yaml
    from salt_plugins.salt_ml.importing import resolved_of
    from salt_plugins.salt_ml.translation import translate

    if out is not None and out.exists():
        raise ConfigError(f"{out} is there already; name another file", "--out")
    translation = translate(_read([path]))
    resolved_of(translation.config, "the translated configuration", path.absolute().parent)
    _tell(translation.left_out)
    text = dump_yaml(translation.config)
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        write_whole(out.absolute(), text)
    except OSError as error:
        raise RunError(f"{out} cannot be written: {error.strerror or error}") from error
    click.echo(f"wrote {shown(out.absolute())}")


def _import(ckpt: Path, configs: Sequence[Path], out: Path, norm_dict: Path | None) -> None:
    from salt_plugins.salt_ml.importing import import_run, read_old
    from salt_plugins.salt_ml.translation import translate

    old = read_old(ckpt.absolute())
    translation = translate(_read(configs))
    origin: dict[str, Any] = {"configs": [str(path.absolute()) for path in configs]}
    try:
        import_run(old, translation, out, norm_dict and norm_dict.absolute(), origin)
    except OSError as error:
        raise RunError(f"{out} cannot be written: {error.strerror or error}") from error
    _tell(translation.left_out)
    click.echo(f"wrote {shown(out)}/")
    click.echo(f"Evaluate it:  salt test --config {shown(out)}/config.yaml --data.test_file FILE")


def _configs(ckpt: Path, named: Sequence[Path]) -> Sequence[Path]:
    """Return the configurations of a checkpoint: those named, or that of its run."""
    own = ckpt.absolute().parent.parent / OLD_CONFIG
    if not named and not own.is_file():
        raise ConfigError(f"name the configuration of {ckpt}: there is no {own}", "--config")
    return named or [own]


def _read(paths: Sequence[Path]) -> dict[str, Any]:
    """Read configurations, the later on top of the earlier."""
    from salt_core.config.yaml import load_yaml

    tree: dict[str, Any] = {}
    for path in paths:
        tree = _on_top(tree, load_yaml(path))
    return tree


def _on_top(tree: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(tree)
    for key, value in other.items():
        before = merged.get(key)
        both = isinstance(before, Mapping) and isinstance(value, Mapping)
        merged[key] = _on_top(before, value) if both else value  # type: ignore[arg-type]
    return merged


def _tell(left_out: Sequence[str]) -> None:
    """List what is left out, where it does not come among what was asked for."""
    if left_out:
        click.echo("Left out:", err=True)
        click.echo("\n".join(f"  {line}" for line in left_out), err=True)
