"""Copies of files on fast storage, for the time that they are read there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from salt_core.errors import ConfigError
from salt_core.interfaces.staging import Staging


@dataclass(frozen=True)
class Stage:
    """Where files are copied to, and what copies them.

    Parameters
    ----------
    folder : Path, optional
        The folder; without one files are read where they lie.
    chosen : Staging, optional
        What copies them, wherever the folder is.
    places : mapping of str to Staging, optional
        What copies them where nothing was chosen, by the places that the folder may lie in.
    """

    folder: Path | None = None
    chosen: Staging | None = None
    places: Mapping[str, Staging] = field(default_factory=dict)

    @contextmanager
    def copies(self, files: Sequence[Path]) -> Iterator[Mapping[Path, Path]]:
        """Give for each file where it is read in the context; leaving the context removes the copies.

        Raises
        ------
        ConfigError
            Where nothing says how files are copied to the folder.
        """
        if self.folder is None:
            yield {path: path for path in files}
            return
        with staging_for(self.folder, self.chosen, self.places).stage(files, self.folder) as copies:
            yield dict(zip(files, copies, strict=True))


def staging_for(folder: Path, chosen: Staging | None, places: Mapping[str, Staging]) -> Staging:
    """Return what copies files to `folder`: what was chosen, or else what the innermost of `places` around it says.

    Raises
    ------
    ConfigError
        Where nothing was chosen and the folder lies in none of the places.
    """
    if chosen is not None:
        return chosen
    around = [place for place in places if folder.is_relative_to(place)]
    if not around:
        known = ", ".join(places) or "none"
        message = f"nothing says how files are copied to {folder}; data.staging_places has {known}"
        raise ConfigError(message, "data.staging")
    return places[max(around, key=lambda place: len(Path(place).parts))]
