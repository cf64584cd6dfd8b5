"""``salt export``: a trained model as an ONNX file for one jet at a time, checked against its checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from salt_core.errors import ConfigError, RunError
from salt_core.files import shown, whole_file

if TYPE_CHECKING:
    from salt_core import Trained
    from salt_plugins.commands.export.names import Output

#: A file of real jets, or none for the run's own, and how many of them and of random ones.
Sample = tuple[Path | None, int]


@click.command("export")
@click.argument("model", required=False, metavar="RUN|CKPT", type=click.Path(path_type=Path))
@click.option(
    "--out", metavar="FILE", type=click.Path(path_type=Path), help="Where to write; beside the checkpoint."
)
@click.option("--rename", "renames", multiple=True, metavar="OLD=NEW", help="Rename an output; repeatable.")
@click.option(
    "--combine",
    "sums",
    multiple=True,
    metavar="NAME=SUM",
    help="Add an output, such as GN2_pbc=1*GN2_pb+0.5*GN2_pc; repeatable.",
)
@click.option(
    "--check",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Compare this ONNX file with RUN or CKPT once more; nothing is written.",
)
@click.option("--run", metavar="RUN|CKPT", type=click.Path(path_type=Path), help="The model, as for --check.")
@click.option(
    "--jets",
    metavar="H5",
    type=click.Path(path_type=Path),
    help="Real jets to compare with, instead of the run's.",
)
@click.option("--batched", is_flag=True, help="Write the form for padded batches of jets.")
@click.option("--num_jets", type=click.IntRange(min=1), default=300, show_default=True, help="How many.")
@click.option(
    "--plugins", multiple=True, metavar="PY", help="Plugin file that a CKPT alone needs; repeatable."
)
def export(
    model: Path | None,
    out: Path | None,
    renames: tuple[str, ...],
    sums: tuple[str, ...],
    file: Path | None,
    run: Path | None,
    jets: Path | None,
    batched: bool,
    num_jets: int,
    plugins: tuple[str, ...],
) -> None:
    """Write the model of RUN, or of CKPT, as ONNX for one jet at a time.

    Normalisation is inside. The inputs are jet_features (1, n) and, for each stream, such as track_features
    (n_tracks, n), with any number of rows or none; the outputs are called as the columns that salt test
    writes. With --batched they are jet_features (batch, n), track_features (batch, max_tracks, n) and n_tracks
    (batch,). The file is compared with the checkpoint on random and on real jets; where predictions
    differ by 1e-5 or more, the exit code is 1, and no file is written.
    """
    named = [path for path in (model, run) if path is not None]
    if len(named) != 1:
        raise ConfigError("name one run or checkpoint, such as salt export logs/RUN", "RUN|CKPT")
    if file is not None and (out or renames or sums or batched):
        raise ConfigError(
            "takes neither --out, --rename, --combine nor --batched: nothing is written", "--check"
        )
    from salt_plugins.commands.export.graph import require_packages

    require_packages()
    import salt_core

    trained = salt_core.load(named[0], plugins)
    if file is None:
        target = (out or trained.checkpoint.with_suffix(".onnx")).absolute()
        _write(target, trained, renames, sums, (jets, num_jets), batched)
        click.echo(f"wrote {shown(target)}")
    else:
        _check(file, trained, (jets, num_jets))
        click.echo(f"{shown(file.absolute())} predicts what the checkpoint predicts")


def _write(
    target: Path,
    trained: Trained,
    renames: Sequence[str],
    sums: Sequence[str],
    sample: Sample,
    in_batches: bool,
) -> None:
    """Write the file and compare it; where it does not agree, it is not put in its place."""
    from salt_plugins.commands.export.batched import batched
    from salt_plugins.commands.export.graph import describe, graph_of, taken_twice, write
    from salt_plugins.commands.export.inputs import inputs_of
    from salt_plugins.commands.export.model import OneJetModel, written_columns
    from salt_plugins.commands.export.names import check_names, outputs_of, renamed, with_sums

    if not target.parent.is_dir():
        raise ConfigError(f"there is no folder {target.parent}", "--out")
    if target.is_dir():
        raise ConfigError(f"{target} is a folder; name a file", "--out")
    inputs = inputs_of(trained.module)
    columns = written_columns(trained.module, inputs)
    outputs = renamed(with_sums(outputs_of(columns, trained.config["name"]), sums), renames)
    graph = graph_of(OneJetModel(trained.module, inputs, outputs))
    check_names(outputs, taken_twice(graph))
    if in_batches:
        graph = batched(graph, inputs, outputs)
        check_names(outputs, taken_twice(graph))
    told = describe(trained, inputs, outputs) | {"form": "padded batch" if in_batches else "one jet"}
    try:
        with whole_file(target) as temporary:
            write(graph, told, temporary)
            _agree(temporary, trained, outputs, sample)
    except OSError as error:
        raise RunError(f"{target} cannot be written: {error.strerror or error}") from error


def _check(path: Path, trained: Trained, sample: Sample) -> None:
    """Compare a file that is there."""
    from salt_plugins.commands.export.checking import check_inputs, check_outputs, outputs_told, session_of
    from salt_plugins.commands.export.inputs import inputs_of
    from salt_plugins.commands.export.model import written_columns

    if not path.is_file():
        raise ConfigError(f"there is no file {path}", "--check")
    session, inputs = session_of(path), inputs_of(trained.module)
    outputs = outputs_told(session, path)
    check_inputs(session, inputs, path)
    check_outputs(written_columns(trained.module, inputs), outputs, path)
    _agree(path, trained, outputs, sample)


def _agree(path: Path, trained: Trained, outputs: Sequence[Output], sample: Sample) -> None:
    """Raise where the file does not predict what the checkpoint predicts; tell how far they are apart."""
    from salt_plugins.commands.export.checking import compare, session_of
    from salt_plugins.commands.export.inputs import inputs_of
    from salt_plugins.commands.export.jets import random_jets, real_jets

    module, (file, num_jets) = trained.module, sample
    inputs, session = inputs_of(module), session_of(path)
    jets = chain(random_jets(module.facts, inputs, num_jets), real_jets(trained, file, num_jets))
    compared = compare(session, module, inputs, outputs, jets)
    told = f"{compared.num_jets} {module.facts.global_object}"
    click.echo(f"Largest differences from {shown(trained.checkpoint)} in {told}:")
    click.echo("\n".join(compared.lines()))
    compared.refuse()
