"""The contract of a staging method."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from salt_core.interfaces.staging import Staging
from salt_core.testing.contract import Contract, Seen, require

#: Bytes of a file to stage: a file of that size that is left behind is a copy.
SIZE = 1000


class Ended(Exception):  # noqa: N818 - a training that ends, as the check plays it
    """A training that ends with an error."""


def check_staging(staging: Staging, source: Path, target: Path | None = None, folders: bool = False) -> None:
    """Check that a staging method keeps its contract.

    Parameters
    ----------
    staging : Staging
        As ``__init__`` leaves it.
    source : Path
        An empty folder, for files to stage and, unless `target` is given, for their copies.
    target : Path, optional
        Where the copies are to go, for a method that does not take every place.
    folders : bool, optional
        Whether it stages folders too, such as the stores that a dataloader makes.

    Raises
    ------
    Breach
        With every clause that is broken, and what was seen.
    """
    contract = Contract(staging)
    place = target or source / "fast"
    place.mkdir(parents=True, exist_ok=True)
    contents = {file: _content(file) for file in _make_files(source, folders)}
    files, before = list(contents), sorted(place.rglob("*"))
    paths: list[Path] = []
    copied: list[dict[str, bytes]] = []
    entered = contract.clause("stage(files, target) is entered and left", needed=True)
    with entered, staging.stage(files, place) as copies:
        paths += map(Path, copies)
        copied += map(_content, paths)
    with contract.clause("there is one copy for each file, in their order, with the same content"):
        require(len(copied) == len(files), f"{len(copied)} for {len(files)} files")
        for number, (file, content) in enumerate(contents.items()):
            require(copied[number] == content, f"number {number} is not what is in {file}")
    with contract.clause("the copies lie below target, each in a place of its own"):
        left = [path for path in paths if not path.resolve().is_relative_to(place.resolve())]
        require(not left, f"{', '.join(map(str, left))} does not")
        require(len(set(paths)) == len(paths), "two files have the same copy")
    with contract.clause("leaving removes the copies"):
        _require_gone(paths, place, before)
    with contract.clause("the copies are removed where a training ends with an error, which passes"):
        paths = _stage_and_fail(staging, files, place)
        _require_gone(paths, place, before)
    with contract.clause("the files themselves stay as they are"):
        changed = [str(file) for file, content in contents.items() if _content(file) != content]
        require(not changed, f"{', '.join(changed)} has another content")
    with contract.clause("it can be used again"), staging.stage(files[:1], place) as copies:
        require(_content(Path(copies[0])) == contents[files[0]], "the copy has another content")
    contract.conclude()


def _make_files(source: Path, folders: bool) -> list[Path]:
    """Write files of the same name in different folders, and a folder of files where such are staged."""
    made = []
    for number in range(2):
        folder = source / f"sample {number}"
        folder.mkdir(parents=True)
        made.append(folder / "jets.h5")
        made[-1].write_bytes(bytes([number]) * SIZE)
    if folders:
        store = source / "store"
        store.mkdir()
        (store / "rows").write_bytes(b"rows")
        made.append(store)
    return made


def _content(path: Path) -> dict[str, bytes]:
    """Read a file, or the files of a folder by their places in it; nothing where it is gone."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


def _stage_and_fail(staging: Staging, files: Sequence[Path], place: Path) -> list[Path]:
    paths: list[Path] = []
    try:
        with staging.stage(files, place) as copies:
            paths += map(Path, copies)
            raise Ended
    except Ended:
        return paths
    raise Seen("the error does not pass")


def _require_gone(paths: Sequence[Path], place: Path, before: Sequence[Path]) -> None:
    there = [str(path) for path in paths if path.exists()]
    require(not there, f"{', '.join(there)} is still there")
    new = sorted(path for path in set(place.rglob("*")) - set(before) if path.is_file())
    big = [str(path) for path in new if path.stat().st_size >= SIZE]
    require(not big, f"{', '.join(big)} is left")
