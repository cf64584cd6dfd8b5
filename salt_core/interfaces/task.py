"""The task's side of the contract: a head that predicts, knows its loss and names what it writes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from salt_core.data.batch import JetBatch, Packed
from salt_core.data.facts import DataFacts
from salt_core.interfaces.encoder import Encoded


class Task(nn.Module, ABC):
    """A head on the encoder: predictions, their loss, and the columns that evaluation writes.

    A processor evaluates pieces of a batch in threads side by side, so `forward` and `outputs` keep nothing
    in ``self`` then.

    Parameters
    ----------
    weight : float, optional
        Factor of this task's loss in the total.
    """

    #: Names of the classes that the task tells apart, in their order; a classification sets them in `build`.
    class_names: Sequence[str] = ()

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = weight

    @property
    def can_be_negative(self) -> bool:
        """Whether the loss may fall below 0, so that it has no place in a geometric mean; False by default."""
        return False

    @abstractmethod
    def columns(self) -> Mapping[str, Sequence[str]]:
        """Name the labels, weights and other raw columns needed, by object.

        Returns
        -------
        mapping of str to sequence of str
            They arrive in ``batch.raw(object)``. A file to be evaluated need not hold them, but for
            those of `output_columns`.
        """

    def output_columns(self) -> Mapping[str, Sequence[str]]:
        """Name those of `columns` without which there is no `forward` and no `outputs`; none by default."""
        return {}

    def output_objects(self) -> Sequence[str] | None:
        """Name the objects that `outputs` writes to, as far as that is known before; None by default.

        A head is not evaluated where none of them is written.
        """
        return None

    @abstractmethod
    def build(self, encoded: Encoded, data: DataFacts) -> None:
        """Make the parameters; called once, after the encoder's `build`.

        Parameters
        ----------
        encoded : Encoded
            Sizes of the vectors that the encoder gives out.
        data : DataFacts
            Class names, class weights and variables.
        """

    @abstractmethod
    def forward(self, pooled: Tensor, streams: Mapping[str, Packed], batch: JetBatch) -> Tensor:
        """Predict.

        Parameters
        ----------
        pooled : Tensor
            The jets' vectors (B, D).
        streams : mapping of str to Packed
            The constituents' vectors (N, D) per stream.
        batch : JetBatch
            The normalised batch that both were made of.
        """

    @abstractmethod
    def loss(self, predictions: Tensor, batch: JetBatch) -> Tensor:
        """Return the scalar loss of `predictions`, without the task's weight.

        Divide by sums over all ranks (`salt_core.distributed.sum_over_ranks`), so that two ranks
        train as one rank on both their batches does.
        """

    @abstractmethod
    def outputs(self, predictions: Tensor, batch: JetBatch) -> Mapping[str, Mapping[str, Tensor]]:
        """Give the columns to write, by object and column name without the model's name.

        Returns
        -------
        mapping of str to mapping of str to Tensor
            Shape (B,) for the global object, (N,) for a stream, in the order of the batch.
            An object that ``data.variables`` does not have is refused when it is written.
        """

    def compiled_parts(self) -> Sequence[nn.Module]:
        """Name the submodules that ``--compile`` compiles, once they are built.

        Their shapes may change from call to call in the number of rows only. The default names none.
        """
        return ()

    def true_classes(self, batch: JetBatch) -> Tensor | None:
        """Give the index in `class_names` of each entry's true class.

        Returns
        -------
        Tensor or None
            Integers (B,) or (N,), negative where an entry has no class; None, the default, where `batch`
            has no labels or the task tells no classes apart.
        """
        del batch
        return None

    def check(self, batch: JetBatch) -> None:
        """Raise a `DataError` where the labels of `batch` cannot be used.

        Called on the CPU before the batch goes to the device. The default accepts everything.
        """
        del batch
