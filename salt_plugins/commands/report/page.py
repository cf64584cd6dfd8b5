"""Writes the folder of a report: the page, and its pictures as files."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Sequence
from pathlib import Path

from salt_core.errors import ConfigError
from salt_core.files import whole_folder
from salt_plugins.commands.report.section import Section

PAGE_NAME = "report.html"
#: Inches beyond which a picture takes the whole width of the page.
WIDE = 8


def write_report(
    folder: Path, title: str, sources: Sequence[str], sections: Sequence[Section], formats: Sequence[str]
) -> Path:
    """Write the folder as a whole, in the place of an earlier report, and return the page.

    Raises
    ------
    ConfigError
        Where `folder` holds something else than a report.
    """
    if folder.exists() and not (folder / PAGE_NAME).is_file():
        raise ConfigError(f"{folder} is there and is no report; name another folder", "--out")
    made = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(made, ignore_errors=True)
    with whole_folder(made) as temporary:
        images = _draw(temporary, sections, formats)
        page = render(title, sources, sections, images)
        (temporary / PAGE_NAME).write_text(page, encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    made.rename(folder)
    return folder / PAGE_NAME


def _draw(folder: Path, sections: Sequence[Section], formats: Sequence[str]) -> dict[str, str]:
    """Write every picture in every format, and return the PNGs in base64."""
    images = {}
    for name, figure in (pair for section in sections for pair in section.figures.items()):
        for ending in dict.fromkeys(("png", *formats)):
            figure.savefig(folder / f"{name}.{ending}")
        picture = folder / f"{name}.png"
        images[name] = base64.b64encode(picture.read_bytes()).decode("ascii")
        if "png" not in formats:
            picture.unlink()
    return images


def render(title: str, sources: Sequence[str], sections: Sequence[Section], images: dict[str, str]) -> str:
    """Write the page, which needs nothing beside itself."""
    from jinja2 import Environment

    template = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
    made = Environment(autoescape=True, trim_blocks=True).from_string(template)
    return made.render(title=title, sources=sources, sections=sections, images=images, wide=WIDE)
