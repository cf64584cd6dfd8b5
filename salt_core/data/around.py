"""What stands around a loader and adds something to its batches."""

from __future__ import annotations

from typing import Any

from salt_core.interfaces.dataloader import JetLoader


class LoaderAround:
    """As long as a loader, and at its position.

    Parameters
    ----------
    loader : JetLoader
        The loader.
    """

    def __init__(self, loader: JetLoader) -> None:
        self.loader = loader

    def __len__(self) -> int:
        """Batches in one epoch on this rank."""
        return len(self.loader)

    def state_dict(self) -> dict[str, Any]:
        """Tell the loader's position."""
        return self.loader.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Set the loader's position."""
        self.loader.load_state_dict(state)
