"""From a configuration of salt-ml to one of ours."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lightning.pytorch import Trainer

from salt_core.errors import raise_all
from salt_plugins.salt_ml.encoder import Encoder, encoder_of
from salt_plugins.salt_ml.reading import Findings, Section
from salt_plugins.salt_ml.tasks import OldTask, tasks_of

#: Options of the data that are called the same and mean the same.
SAME_DATA = (
    *("train_file", "val_file", "test_file", "norm_dict", "class_dict", "batch_size", "num_workers"),
    *("move_files_temp", "test_suff", "global_object", "input_map", "num_inputs", "selections"),
)

#: Those that count jets.
NUMBERS_OF_JETS = ("num_train", "num_val", "num_test")

#: Options of the trainer that are passed on where they are not Lightning's own choice.
SAME_TRAINER = (
    *("max_epochs", "min_epochs", "max_steps", "min_steps", "max_time"),
    *("accelerator", "devices", "num_nodes"),
    *("strategy", "limit_train_batches", "limit_val_batches", "limit_test_batches", "overfit_batches"),
    *("val_check_interval", "check_val_every_n_epoch", "num_sanity_val_steps", "log_every_n_steps"),
    *("accumulate_grad_batches", "gradient_clip_val", "gradient_clip_algorithm"),
    *("deterministic", "benchmark", "detect_anomaly", "sync_batchnorm"),
)

PRECISIONS = {"32": "32-true", "16": "16-mixed", "bf16": "bf16-mixed", "64": "64-true"}

OPTIMIZERS = {"adamw": "adamw", "lion": "lion", "hybridmuonadamw": "muon", "muon": "muon"}

#: Callbacks whose work is done without them.
NEEDLESS = {
    "LearningRateMonitor": "the rate is not logged",
    "TQDMProgressBar": "there is a progress bar of our own",
    "RichProgressBar": "there is a progress bar of our own",
    "ModelSummary": "shown by itself",
}


@dataclass(frozen=True)
class Translation:
    """A configuration of ours, and what else is needed to take over weights.

    Parameters
    ----------
    config : dict
        The configuration; it goes on top of ``base.yaml``.
    encoder : Encoder
        What is known of the encoder.
    tasks : sequence of OldTask
        What is known of the tasks, in salt-ml's order.
    left_out : sequence of str
        What has no equivalent: key path, value and reason.
    """

    config: dict[str, Any]
    encoder: Encoder
    tasks: Sequence[OldTask]
    left_out: Sequence[str]


def translate(old: Mapping[str, Any]) -> Translation:
    """Translate a configuration of salt-ml, versions 0.10 to 0.13.

    Parameters
    ----------
    old : mapping
        The configuration, as YAML gives it.

    Raises
    ------
    ConfigError
        One that tells everything that would make another model, by key path and value.
    """
    top = Section(old, "", Findings())
    data = top.section("data")
    variables = _variables(data)
    global_object = data.take("global_object", "jets")
    wrapper = top.section("model")
    name, model = wrapper.component("model")
    if name != "SaltModel":
        wrapper.fault("model", f"{name or 'nothing'} is named; SaltModel is what can be imported")
        raise_all(top.findings.faults)
    encoder = encoder_of(model, variables, global_object)
    tasks = tasks_of(model, [global_object, *variables])
    _refuse_mixed_streams(data, list(variables), encoder, tasks)
    trainer = top.section("trainer")
    callbacks, writer = _callbacks(trainer, tasks)
    config = {
        "name": str(top.take("name", "salt")),
        **_given(top, "seed_everything", "compile"),
        "model": _model(wrapper, encoder, tasks),
        "data": _data(data, variables) | writer,
        "trainer": _trainer(trainer) | ({"callbacks": callbacks} if callbacks else {}),
    }
    top.without("ckpt_path", "force", "tag", "overwrite_config", "log_suffix", "weights_only", "config")
    for section in (model, wrapper):
        section.close(of_model=True)
    top.close()
    raise_all(top.findings.faults)
    return Translation(config, encoder, tasks, tuple(top.findings.left_out))


def _variables(data: Section) -> dict[str, list[str]]:
    found = data.section("variables")
    names = [str(name) for name in found.take_all()]
    special = [name for name in names if name in ("EDGE", "PARAMETERS", "GLOBAL")]
    for name in special:
        found.fault(name, "there is nothing like it here that would predict the same")
    if not names:
        data.fault("variables", "none are given; the complete configuration is needed, as a run saves it")
    return {name: found.strings(name) for name in names if name not in special}


def _refuse_mixed_streams(
    data: Section, objects: Sequence[str], encoder: Encoder, tasks: Sequence[OldTask]
) -> None:
    """Refuse an order of streams with which salt-ml takes the vectors of one for those of another."""
    order = [str(name) for name in data.take("input_map") or objects if name in encoder.streams]
    on_streams = [task.name for task in tasks if task.config["input_name"] in encoder.streams]
    if order != list(encoder.streams) and on_streams:
        data.fault(
            "input_map",
            f"the streams are {', '.join(order)}, the initial nets {', '.join(encoder.streams)}: salt-ml gives "
            f"{', '.join(on_streams)} the vectors of another stream then, which nothing here does",
        )


def _model(wrapper: Section, encoder: Encoder, tasks: Sequence[OldTask]) -> dict[str, Any]:
    wrapper.without("norm_config", "name", "global_object")  # they repeat what the data and the top say
    for key in ("mup_config", "muP_config"):
        wrapper.refuse(key, "a model scaled by muP computes attention otherwise")
    wrapper.refuse("edge_constructors", "features of pairs enter otherwise here", [])
    model = {"encoder": encoder.config, "tasks": {task.name: task.config for task in tasks}}
    model |= _optimizer(wrapper) | _rates(wrapper.section("lrs_config"))
    mode = wrapper.take("loss_mode", "wsum")
    if mode == "GLS":
        model["loss_mode"] = mode
        for task in tasks:
            weight = task.config.pop("weight", 1)
            if weight != 1:
                wrapper.note(f"model.tasks.{task.name}.weight", weight, "GLS takes no weights")
    elif mode != "wsum":
        wrapper.note("loss_mode", mode, "the losses are summed")
    return model


def _optimizer(wrapper: Section) -> dict[str, Any]:
    name = wrapper.take("optimizer", "AdamW")
    known = OPTIMIZERS.get(str(name).lower())
    if known is None:
        wrapper.note("optimizer", name, "AdamW is taken")
    return {"optimizer": known} if known not in (None, "adamw") else {}


def _rates(rates: Section) -> dict[str, Any]:
    rates.without("last_epoch")
    found = _given(rates, "initial", "max", "end", "pct_start", "weight_decay")
    rates.close()
    return {"lrs_config": found} if found else {}


def _data(data: Section, variables: Mapping[str, list[str]]) -> dict[str, Any]:
    # Labels follow from the tasks; how processes read is the loader's own matter.
    data.without("labels", "pin_memory", "persistent_workers", "prefetch_factor", "multiprocessing_context")
    counts = {key: count for key in NUMBERS_OF_JETS if (count := data.number(key)) is not None}
    found = {"variables": dict(variables), **_given(data, *SAME_DATA), **counts}
    reasons = {
        "non_finite_to_num": "values that are not finite are refused here; mend the files",
        "ignore_finite_checks": "values that are not finite are refused here; mend the files",
        "recover_malformed": "wrong labels are refused here; mend the files",
        "labeller_config": "write data.labeller, see docs/data.md",
        "multi_target": "write data.multi_target, see docs/data.md",
        "transforms": "write a plugin of kind augmentation",
    }
    for key, reason in reasons.items():
        data.leave_out(key, reason, False, [])
    data.refuse("parameters", "how parameters enter differs", {})
    data.refuse("edge_constructors", "features of pairs enter otherwise here", [])
    data.refuse("mf_config", "there is no mask decoder here")
    data.close()
    return found


def _trainer(trainer: Section) -> dict[str, Any]:
    usual = {name: p.default for name, p in inspect.signature(Trainer).parameters.items()}
    found = {
        key: value
        for key in SAME_TRAINER
        if (value := trainer.take(key)) is not None and (value != usual[key] or key == "max_epochs")
    }
    precision = str(trainer.take("precision", 32))
    found["precision"] = PRECISIONS.get(precision, precision)
    logger = trainer.take("logger")
    for item in logger if isinstance(logger, list) else [logger]:
        if isinstance(item, Mapping):
            trainer.note("logger", item.get("class_path"), "losses go into metrics.csv; name other loggers")
    trainer.leave_out("default_root_dir", "where the runs of salt-ml lie")
    trainer.close(usual=usual)
    return found


def _callbacks(trainer: Section, tasks: Sequence[OldTask]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the callbacks, and beside them what the writer of predictions does, which is the data's here."""
    found: dict[str, Any] = {}
    writer: dict[str, Any] = {}
    for name, options in trainer.components("callbacks"):
        if name == "Checkpoint":
            monitor = options.take("monitor_loss", "val/loss")
            known = {f"val/{task.name}_loss" for task in tasks}
            if monitor in known:
                found["checkpoint"] = {"monitor": monitor}
            elif monitor != "val/loss":
                options.note("monitor_loss", monitor, "val/loss is taken")
            options.without("fname_string")
            options.close()
        elif name == "PredictionWriter":
            writer = _writer(options)
        elif name in NEEDLESS:
            options.findings.left_out.append(f"{options.path}: {name} ({NEEDLESS[name]})")
        elif name:
            options.findings.left_out.append(
                f"{options.path}: {name} (name a callback of ours, or Lightning's)"
            )
    return found, writer


def _writer(options: Section) -> dict[str, Any]:
    written = [options.take(key, False) for key in ("write_tracks", "write_objects")]
    extra = options.section("extra_vars")
    columns = {str(name): extra.strings(str(name)) for name in extra.take_all()}
    half = options.take("half_precision", False)
    options.without("object_classes")
    options.close()
    return (
        ({"extra_vars": columns} if columns else {})
        | ({"write_constituents": True} if any(written) else {})
        | ({"write_precision": "float16"} if half else {})
    )


def _given(section: Section, *keys: str) -> dict[str, Any]:
    return {key: value for key in keys if (value := section.take(key)) is not None}
