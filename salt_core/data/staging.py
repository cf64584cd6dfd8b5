"""Which staging copies files to a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from salt_core.errors import ConfigError
from salt_core.interfaces.staging import Staging


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
