"""The samples of a run: their files, where these are read, and how many of their jets are used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from salt_core.data.files import expand, names_of
from salt_core.data.request import Sample
from salt_core.data.staging import Stage
from salt_core.errors import ConfigError


class Samples:
    """The training, the validation and the test sample.

    Parameters
    ----------
    named : mapping of str to Path or list of Path
        Files of each as they are configured, which may be wildcards; None where none are.
    num_jets : mapping of str to int
        Jets to use of each; -1 for all.
    """

    def __init__(
        self, named: Mapping[Sample, Path | list[Path] | None], num_jets: Mapping[Sample, int]
    ) -> None:
        self.num_jets = num_jets
        self._named = dict(named)
        self._ready: Mapping[Sample, tuple[Path, ...]] = {}

    def files(self, sample: Sample) -> tuple[Path, ...]:
        """Return the files of a sample.

        Raises
        ------
        ConfigError
            Where none is set, or nothing fits a wildcard.
        """
        named = self._named[sample]
        where = f"data.{sample}_file"
        if named is None:
            raise ConfigError(f"not set; give it in a file or as --data.{sample}_file PATH", where)
        return expand(named if isinstance(named, list) else [named], where)

    def files_to_read(self, sample: Sample) -> tuple[Path, ...]:
        """Return what is read in the place of a sample's files while it is `staged`, or else these."""
        return self._ready.get(sample) or self.files(sample)

    def take_test_files(self, *paths: Path) -> None:
        """Make some files the whole test sample."""
        self._named["test"] = list(paths)

    @contextmanager
    def staged(self, ready: Mapping[Sample, tuple[Path, ...]], stage: Stage) -> Iterator[None]:
        """Have samples read from what a loader has made `ready` of them, where `stage` copies it to."""
        files = list(dict.fromkeys(path for paths in ready.values() for path in paths))
        with stage.copies(files) as copy_of:
            self._ready = {sample: tuple(copy_of[path] for path in paths) for sample, paths in ready.items()}
            yield
            self._ready = {}

    def used(self, sample: Sample, there: int) -> int:
        """Return how many jets are used of a sample, of those that are `there`."""
        wanted = self.num_jets[sample]
        return there if wanted < 0 else min(there, wanted)

    def check_number(self, sample: Sample, there: int, kind: str) -> None:
        """Raise where fewer jets are `there` than are asked for, or none of the `kind`, such as ``jets``.

        Raises
        ------
        ConfigError
            Which names the files.
        """
        wanted, files = self.num_jets[sample], names_of(self.files(sample))
        if wanted > there:
            raise ConfigError(f"{wanted} jets are asked for, {files} has {there}", f"data.num_{sample}")
        if there == 0:
            raise ConfigError(f"{files} has no {kind}", f"data.{sample}_file")
