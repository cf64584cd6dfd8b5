"""``salt data pack``: the store of the packed dataloader, made ahead of a training."""

from __future__ import annotations

from pathlib import Path

import click

from salt_core.commands.data.loader import PACKED, packing_loader
from salt_core.config.arguments import Arguments
from salt_core.config.load import load
from salt_core.data.everything import everything
from salt_core.data.files import files_named
from salt_core.data.request import LoadRequest, Selection
from salt_core.data.workers import chosen_workers
from salt_core.files import shown
from salt_core.interfaces.dataloader import Dataloader
from salt_core.logs import quiet


@click.command("pack")
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--out", required=True, metavar="DIR", type=click.Path(path_type=Path), help="The store: a new folder."
)
@click.option(
    "--config", "configs", multiple=True, metavar="YAML", help="Take what this training reads; repeatable."
)
@click.option("--num_jets", type=click.IntRange(min=1), metavar="N", help="Take the first N jets alone.")
@click.option("--num_workers", type=click.IntRange(min=0), metavar="N", help="Processes that read.")
@click.option("--global_object", default="jets", show_default=True, help="The dataset with one row per jet.")
def pack(
    files: tuple[str, ...],
    out: Path,
    configs: tuple[str, ...],
    num_jets: int | None,
    num_workers: int | None,
    global_object: str,
) -> None:
    """Make a packed store of FILES, which read as one sample.

    With --config it holds the variables and labels that this training reads, side by side for fast reading.
    Without, it holds every number of the files, for any training. Name it as a sample then:
    --data.loader packed --data.train_file DIR. Wildcards may be quoted.
    """
    paths = files_named(files, "FILES")
    loader, selection = _of_training(configs) if configs else _of_file(paths[0], global_object)
    workers = chosen_workers("auto" if num_workers is None else num_workers, 1)
    request = LoadRequest(paths, selection, num_jets or -1, num_workers=workers, where="FILES")
    loader.pack(request, out.absolute())
    click.echo(f"The store is in {shown(out.absolute())}")


def _of_file(path: Path, global_object: str) -> tuple[Dataloader, Selection]:
    """Return the loader, and all that the files hold."""
    return packing_loader(), everything(path, global_object)


def _of_training(configs: tuple[str, ...]) -> tuple[Dataloader, Selection]:
    """Return the loader, and what a configured training reads."""
    from salt_core.training.objects import instantiate

    with quiet("lightning.pytorch"):  # it would tell of a trainer's devices
        objects = instantiate(load(Arguments(configs=(*configs, PACKED))).resolved)
    objects.data.build(objects.module.columns(), objects.module.inputs(), 0, objects.module.check)
    return objects.data.loader, objects.data.selection()
