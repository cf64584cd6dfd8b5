"""The model as Lightning trains it: normalise, augment, encode, pool, predict, and the losses as one."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self, cast

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.optim import Optimizer

from salt_core.cores import num_pieces, side_by_side
from salt_core.data.batch import JetBatch
from salt_core.data.facts import DataFacts
from salt_core.data.module import SaltDataModule
from salt_core.data.normalise import Normaliser
from salt_core.errors import ConfigError, located, refused, run_all
from salt_core.interfaces.augmentation import Augmentation
from salt_core.interfaces.encoder import Encoded, Encoder
from salt_core.interfaces.optimizer import OptimizerFactory
from salt_core.interfaces.task import Task
from salt_core.training.checkpoints import FACTS_KEY, OPTIMIZER_KEY
from salt_core.training.combination import LossMode, check_combination, combined
from salt_core.training.compiling import Compile, compile_parts
from salt_core.training.cycles import Cycles
from salt_core.training.divergence import Step
from salt_core.training.frozen import freeze
from salt_core.training.progress import losses_are_pushed
from salt_core.training.schedule import FACTOR_KEY, LearningRate
from salt_core.training.starting import take_weights
from salt_core.training.watch import Watch

log = logging.getLogger("salt.weights")


class SaltModule(LightningModule):
    """An encoder, the tasks on it, and how they are optimised.

    Parameters
    ----------
    encoder : Encoder
        Turns jets and constituents into vectors.
    tasks : dict of str to Task
        The heads, by the name under which their losses are logged.
    optimizer : OptimizerFactory
        The optimiser.
    lrs_config : LearningRate, optional
        Learning rate over the training, and weight decay.
    init_from : Path, optional
        Checkpoint, or run directory, whose weights a new training starts with where name and shape are
        the same.
    init_strict : bool, optional
        Whether all weights of the checkpoint and of the model have to be the same by name and shape.
    freeze : list of str, optional
        Parts that are not trained, such as ``encoder`` or ``tasks.track_origin``; also parts of these.
    loss_mode : "sum" or "GLS", optional
        How the tasks' losses are combined: the sum of the weighted losses, or the geometric mean, which takes
        no weights.
    augmentations : dict of str to Augmentation, optional
        What changes the training batches, by names of your own and in this order.
    """

    def __init__(
        self,
        encoder: Encoder,
        tasks: dict[str, Task],
        optimizer: OptimizerFactory,
        lrs_config: LearningRate = LearningRate(),  # noqa: B008 - frozen
        init_from: Path | None = None,
        init_strict: bool = False,
        freeze: list[str] | None = None,
        loss_mode: LossMode = "sum",
        augmentations: dict[str, Augmentation] | None = None,
    ) -> None:
        super().__init__()
        if not tasks:
            raise ConfigError("no task is left, so there is nothing to train", "model.tasks")
        run_all(lrs_config.check, partial(check_combination, loss_mode, tasks))
        self.encoder = encoder
        self.tasks = _by_name(tasks, "model.tasks")
        self.augmentations = _by_name(augmentations or {}, "model.augmentations")
        self.loss_mode: LossMode = loss_mode
        self.optimizer = optimizer
        self.lrs_config = lrs_config
        self.init_from = init_from
        self.init_strict = init_strict
        self.frozen = freeze or []
        self._frozen_modules: tuple[nn.Module, ...] = ()
        self._compiled: Compile = False
        self._cycles = Cycles(lrs_config, optimizer.cycles_momentum)
        self._watch = Watch()

    @property
    def heads(self) -> dict[str, Task]:
        """The tasks by name."""
        return cast("dict[str, Task]", dict(self.tasks.items()))

    def columns(self) -> dict[str, Mapping[str, Sequence[str]]]:
        """Name the raw columns that encoder and tasks need, by the part's key path and by object."""
        tasks = {f"model.tasks.{name}": task.columns() for name, task in self.heads.items()}
        return {"model.encoder": self.encoder.columns(), **tasks}

    def inputs(self) -> dict[str, Mapping[str, Sequence[str]]]:
        """Name those of `columns` without which nothing can be predicted."""
        tasks = {f"model.tasks.{name}": task.output_columns() for name, task in self.heads.items()}
        return {"model.encoder": self.encoder.columns(), **tasks}

    def build(self, facts: DataFacts, compiled: Compile = False) -> None:
        """Make the parameters.

        Parameters
        ----------
        facts : DataFacts
            What sizes, classes and normalisation follow from.
        compiled : bool or "graphs", optional
            Whether the parts of encoder and tasks that gain from it are compiled, and recorded as CUDA graphs.
        """
        self.facts = facts
        self.normalise = Normaliser(facts)
        with refused("model.encoder"):
            encoded = self.encoder.build(facts)
        tasks = [partial(self._build_task, name, encoded) for name in self.tasks]
        run_all(*tasks, partial(self.build_augmentations, facts))
        self._frozen_modules = freeze(self, self.frozen)
        self.train(self.training)
        compile_parts(compiled, self.encoder, self.heads.values())
        self._compiled = compiled

    def build_augmentations(self, facts: DataFacts) -> None:
        """Tell the augmentations what follows from the data."""

        def build(name: str) -> None:
            with refused(f"model.augmentations.{name}"):
                cast("Augmentation", self.augmentations[name]).build(facts)

        run_all(*(partial(build, name) for name in self.augmentations))

    def initialise(self, resumed: bool) -> None:
        """Take the weights of ``init_from``, unless a checkpoint that is gone on from has all of them."""
        if self.init_from is None:
            return
        if resumed:
            log.info("model.init_from is not read: the training goes on from a checkpoint")
        else:
            take_weights(self, self.facts, self.init_from, self.init_strict)

    def train(self, mode: bool = True) -> Self:
        """Switch dropout and the like on or off; in frozen parts it stays off."""
        super().train(mode)
        for part in self._frozen_modules:
            part.eval()
        return self

    def on_fit_start(self) -> None:
        """Say how much is trained where not all is."""
        if self.frozen:
            trained = sum(p.numel() for p in self.parameters() if p.requires_grad)
            total = sum(p.numel() for p in self.parameters())
            log.info(
                "%s of %s parameters are trained; frozen: %s",
                f"{trained:,}",
                f"{total:,}",
                ", ".join(self.frozen),
            )

    def _build_task(self, name: str, encoded: Encoded) -> None:
        with refused(f"model.tasks.{name}"):
            self.heads[name].build(encoded, self.facts)

    def forward(self, batch: JetBatch, unwanted: Collection[str] = ()) -> dict[str, Tensor]:
        """Predict, for each task by its name, without those that write to `unwanted` objects alone."""
        return self.predict(self.normalise(batch), unwanted)

    def predict(self, batch: JetBatch, unwanted: Collection[str] = ()) -> dict[str, Tensor]:
        """Predict of a normalised batch; see `forward`."""
        if self._compiled == "graphs":
            # Graphs write where those of the last batch wrote, which they cannot know to be over.
            torch.compiler.cudagraph_mark_step_begin()
        streams = self.encoder.encode(batch)
        pooled = self.encoder.pool(streams, batch)
        return {
            name: task(pooled, streams, batch)
            for name, task in self.heads.items()
            if (objects := task.output_objects()) is None or not set(objects) <= set(unwanted)
        }

    def losses(self, predictions: Mapping[str, Tensor], batch: JetBatch) -> dict[str, Tensor]:
        """Return the weighted loss of each task by its name."""
        return {name: task.weight * task.loss(predictions[name], batch) for name, task in self.heads.items()}

    def training_losses(self, batch: JetBatch) -> dict[str, Tensor]:
        """Return the weighted loss of each task on a batch that is augmented first."""
        batch = self.normalise(batch)
        for augmentation in self.augmentations.values():
            batch = augmentation(batch)
        return self.losses(self.predict(batch), batch)

    def total(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the one loss of all tasks, as `loss_mode` combines it of the weighted ones."""
        return combined(self.loss_mode, losses)

    def outputs(self, predictions: Mapping[str, Tensor], batch: JetBatch) -> dict[str, dict[str, Tensor]]:
        """Return the columns that the tasks write that have predicted, by object."""
        columns: dict[str, dict[str, Tensor]] = {}
        for name, predicted in predictions.items():
            for target, values in self.heads[name].outputs(predicted, batch).items():
                written = columns.setdefault(target, {})
                for clash in written.keys() & values.keys():
                    raise ConfigError(
                        f"another task writes the column {clash!r} of {target!r} too", f"model.tasks.{name}"
                    )
                written.update(values)
        return columns

    def written(self, batch: JetBatch, unwanted: Collection[str] = ()) -> dict[str, dict[str, Tensor]]:
        """Predict a batch of any size, and return the columns that the tasks write, by object.

        A processor does so in pieces, one on each core at a time, unless parts are compiled.
        """
        whole = batch.x.device.type != "cpu" or self._compiled
        pieces = [batch] if whole else batch.in_pieces(num_pieces(batch.num_rows))
        parts = side_by_side(lambda piece: self.outputs(self(piece, unwanted), piece), pieces)
        first = parts[0]
        if len(parts) == 1:
            return first
        return {
            target: {key: torch.cat([part[target][key] for part in parts]) for key in columns}
            for target, columns in first.items()
        }

    def check(self, batch: JetBatch) -> None:
        """Have every task check the labels of a batch on the host, where a wrong one can still be named."""
        for name, task in self.heads.items():
            with located(f"model.tasks.{name}"):
                task.check(batch)

    def training_step(self, batch: JetBatch, batch_idx: int) -> Tensor:
        """Return the loss of all tasks."""
        del batch_idx
        losses = self.training_losses(batch)
        total = self.total(losses)
        step = Step(batch, {name: loss.detach() for name, loss in losses.items()}, total.detach())
        self._watch.losses(self, step)
        self._log("train", losses, total, batch)
        return total

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """Go backward, and name the operation that gives no numbers where anomalies are looked for."""
        with self._watch.backward(self):
            super().backward(loss, *args, **kwargs)

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Refuse gradients that are not finite, except where a scaler leaves such steps out."""
        del optimizer
        self._watch.gradients(self)

    def validation_step(self, batch: JetBatch, batch_idx: int) -> dict[str, Tensor]:
        """Log the losses of a validation batch, and return the predictions by task for callbacks to look at."""
        del batch_idx
        predictions: dict[str, Tensor] = self(batch)
        losses = self.losses(predictions, batch)
        self._log("val", losses, self.total(losses), batch)
        return predictions

    def test_step(self, batch: JetBatch, batch_idx: int) -> dict[str, dict[str, Tensor]]:
        """Return the columns to write."""
        del batch_idx
        data: SaltDataModule = self.trainer.datamodule  # type: ignore[attr-defined]
        return self.written(batch, data.unwritten)

    @property
    def optimizer_name(self) -> str:
        """The class of the optimiser, as checkpoints name it."""
        return type(self.optimizer).__qualname__

    def make_optimizer(self) -> Optimizer:
        """Make the optimiser of what is trained.

        Raises
        ------
        ConfigError
            Where it refuses its options.
        """
        config = self.lrs_config
        with refused("model.optimizer"):
            optimizer = self.optimizer.build(self, config.initial, config.weight_decay)
        for group in optimizer.param_groups:
            group["params"] = [parameter for parameter in group["params"] if parameter.requires_grad]
            group.setdefault(FACTOR_KEY, float(group["lr"]) / config.initial)
        return optimizer

    def configure_optimizers(self) -> Any:
        """Return the optimiser and its schedule over all steps."""
        optimizer = self.make_optimizer()
        if self.trainer.gradient_clip_val:
            # A fused optimiser offers to undo a loss scale itself, and is never clipped then.
            optimizer._step_supports_amp_scaling = False  # type: ignore[attr-defined]
        scheduler = self._cycles.first(optimizer, self.trainer.estimated_stepping_batches)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Note the cycle of the learning rate that the checkpoint is in."""
        self._cycles.load(checkpoint)

    def on_train_start(self) -> None:
        """Go on in the checkpoint's cycle, or start a new one; refuse to go beyond the end of the old one."""
        self._cycles.go_on(self.trainer)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put the facts of the data, the optimiser's name and the cycle of its rate into the checkpoint."""
        checkpoint[FACTS_KEY] = self.facts.to_plain()
        self._cycles.save(checkpoint)
        checkpoint[OPTIMIZER_KEY] = self.optimizer_name

    def _log(self, stage: str, losses: Mapping[str, Tensor], total: Tensor, batch: JetBatch) -> None:
        training = stage == "train"
        values = {f"{stage}/{name}_loss": loss.detach() for name, loss in losses.items()}
        options: dict[str, Any] = {
            "batch_size": batch.num_jets,
            "on_step": training,
            "on_epoch": not training,
            "sync_dist": not training,
        }
        self.log_dict(values, **options)
        shown = losses_are_pushed(self.trainer)
        self.log(f"{stage}/loss", total.detach(), prog_bar=shown, **options)


def _by_name(parts: Mapping[str, nn.Module], where: str) -> nn.ModuleDict:
    """Hold parts under their names, and refuse names that torch has none or another use for."""
    held = nn.ModuleDict()
    for name, part in parts.items():
        if not name or "." in name or hasattr(held, name):
            raise ConfigError(f"{name!r} cannot be a name; choose another one, without a dot", where)
        held[name] = part
    return held
