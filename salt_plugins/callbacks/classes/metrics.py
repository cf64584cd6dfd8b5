"""Logs accuracy, efficiencies, purities and areas under ROC curves of each validation."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from salt_plugins.callbacks.classes.counting import Counting, confusion_counts, heads_of

#: Scores log(p / (1 - p)) are counted in bins of this width up to this size, for the area under the curve.
BIN = 0.01
LARGEST = 15.0
NUM_BINS = round(2 * LARGEST / BIN)


class Metrics(Counting):
    """Logs, of each validation and each task that classifies, how well its classes are told apart.

    - ``val/TASK_accuracy``: share of the entries whose most probable class is the true one.
    - ``val/TASK_CLASS_efficiency``: that share among the entries of the class.
    - ``val/TASK_CLASS_purity``: share of the class among the entries that are taken for it.
    - ``val/TASK_CLASS_auc``: area under the ROC curve of the class against all others, from scores
      in bins of 0.01 of ``log(p / (1 - p))``; entries of one bin count as tied.

    What is not defined, such as the efficiency of a class that the sample does not have, is left out.
    """

    def count(self, probabilities: Tensor, truth: Tensor) -> Tensor:
        """Count pairs of classes and the scores of each class, side by side (C, C + 2 NUM_BINS)."""
        return torch.cat([confusion_counts(probabilities, truth), score_counts(probabilities, truth)], dim=1)

    def tell(self, counts: Mapping[str, Tensor], trainer: Trainer, model: LightningModule) -> None:
        """Log the values."""
        del trainer
        for name, values in counts.items():
            classes = heads_of(model)[name].class_names
            pairs, scores = values.double().cpu().split([len(classes), 2 * NUM_BINS], dim=1)
            told = {"accuracy": _ratio(pairs.trace(), pairs.sum())}
            for index, one in enumerate(classes):
                told[f"{one}_efficiency"] = _ratio(pairs[index, index], pairs[index].sum())
                told[f"{one}_purity"] = _ratio(pairs[index, index], pairs[:, index].sum())
                told[f"{one}_auc"] = area(*scores[index].split(NUM_BINS))
            defined = {f"val/{name}_{key}": value for key, value in told.items() if value is not None}
            # The counts are those of all ranks already, so that the mean over ranks changes nothing.
            model.log_dict(defined, on_epoch=True, sync_dist=True, batch_size=1)


def score_counts(probabilities: Tensor, truth: Tensor) -> Tensor:
    """Count scores in bins, of the entries of each class and of all others.

    Parameters
    ----------
    probabilities : Tensor
        Shape (M, C).
    truth : Tensor
        Index of the true class (M,).

    Returns
    -------
    Tensor
        Shape (C, 2 NUM_BINS): for each class, bins of its own entries, then those of the others.
    """
    size = probabilities.shape[-1]
    scores = probabilities.double().logit(eps=1e-12).clamp(-LARGEST, LARGEST)
    bins = ((scores + LARGEST) / BIN).long().clamp(max=NUM_BINS - 1)
    classes = torch.arange(size, device=truth.device)
    others = (truth.unsqueeze(1) != classes).long()
    places = (classes * 2 + others) * NUM_BINS + bins
    counts: Tensor = torch.bincount(places.flatten(), minlength=size * 2 * NUM_BINS).unflatten(0, (size, -1))
    return counts


def area(own: Tensor, others: Tensor) -> float | None:
    """Return the probability that an own entry scores above another one, ties counting half.

    Parameters
    ----------
    own, others : Tensor
        Entries in each bin of the score (K,), by rising score.
    """
    below = others.cumsum(0) - others
    return _ratio((own * (below + others / 2)).sum(), own.sum() * others.sum())


def _ratio(part: Tensor, whole: Tensor) -> float | None:
    return float(part / whole) if whole > 0 else None
