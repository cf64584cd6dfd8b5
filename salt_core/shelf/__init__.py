"""Folders that the processes of one machine share, whose entries are there whole or not at all."""

from salt_core.shelf.lease import Lease
from salt_core.shelf.roots import known_roots, state_folder
from salt_core.shelf.shelf import Shelf, size_of

__all__ = ["Lease", "Shelf", "known_roots", "size_of", "state_folder"]
