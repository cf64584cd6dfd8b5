"""Whether a store holds what a training wants of it."""

from __future__ import annotations

from pathlib import Path

from salt_core import DataError
from salt_core.interfaces.dataloader import Selection
from salt_plugins.dataloaders.packed.manifest import Manifest, missing, told_cuts


def refuse_unfit(folder: Path, manifest: Manifest, selection: Selection) -> None:
    """Raise where batches of a selection cannot be made of a store.

    Parameters
    ----------
    folder : Path
        The store.
    manifest : Manifest
        Its description.
    selection : Selection
        What batches are to be made of.

    Raises
    ------
    DataError
        Where it lacks something, was made with other limits or cuts, or has inputs that are not finite.
    """
    _refuse_lack(folder, manifest, selection)
    _refuse_other_limits(folder, manifest, selection)
    _refuse_other_cuts(folder, manifest, selection)
    _refuse_not_finite(folder, manifest, selection)


def _refuse_lack(folder: Path, manifest: Manifest, selection: Selection) -> None:
    if manifest.global_object != selection.global_object:
        raise DataError(
            f"data.global_object is {selection.global_object}, but the store {folder} was made for "
            f"{manifest.global_object}; make one for it with salt data pack"
        )
    lacking = missing(manifest, selection)
    if lacking:
        named = ", ".join(f"{name}/{column}" if column else name for name, column in lacking)
        raise DataError(f"the store {folder} does not have {named}; make one that does with salt data pack")


def _refuse_other_limits(folder: Path, manifest: Manifest, selection: Selection) -> None:
    for name, limit in selection.num_inputs.items():
        kept = manifest.objects[name].num_inputs
        if kept != limit:
            raise DataError(
                f"data.num_inputs limits {name} to {limit}, but the store {folder} was made with "
                f"{'all' if kept is None else kept}; make one with this limit"
            )


def _refuse_other_cuts(folder: Path, manifest: Manifest, selection: Selection) -> None:
    cuts = told_cuts(selection)
    for name in selection.objects:
        made, wanted = manifest.objects[name].cuts, cuts.get(name, [])
        if made != wanted:
            raise DataError(
                f"data.selections has {' and '.join(wanted) or 'no cuts'} for {name}, but the store "
                f"{folder} was made with {' and '.join(made) or 'none'}; make one with these"
            )


def _refuse_not_finite(folder: Path, manifest: Manifest, selection: Selection) -> None:
    """Refuse columns as inputs whose values nobody has checked when they were packed."""
    for name, item in manifest.objects.items():
        for variable in selection.variables.get(name, ()):
            bad = item.not_finite.get(variable) if variable not in item.inputs else 0
            if bad:
                message = f"{name}/{variable} has {bad} input values that are not finite"
                raise DataError(f"{message}, in the store {folder}")
