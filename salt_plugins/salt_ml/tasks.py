"""From the tasks of salt-ml to ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Any

from salt_plugins.salt_ml.nets import dense_of
from salt_plugins.salt_ml.reading import Section

#: Classes of labels whose names salt-ml knows by itself.
CLASS_NAMES = {
    "ftagTruthOriginLabel": [
        *("Pileup", "Fake", "Primary", "FromB", "FromBC", "FromC", "FromTau", "OtherSecondary"),
    ],
    "ftagTruthTypeLabel": ["NoTruth", "Other", "Pion", "Kaon", "Electron", "Muon"],
    "ftagTruthSourceLabel": [
        *("NoTruth", "NotSecondary", "HadronicInteraction", "StrangeMesonDecay", "StrangeBaryonDecay"),
        *("GammaConversion", "Other"),
    ],
}

#: The origins that salt-ml weights the pairs of constituents by.
ORIGIN_LABEL = "ftagTruthOriginLabel"


@dataclass(frozen=True)
class OldTask:
    """What is known of a task.

    Parameters
    ----------
    name : str
        Its name.
    config : dict
        Our configuration of it.
    has_class_dict : bool, optional
        Whether its loss has the weights of the class dict.
    num_moments : int, optional
        How many numbers are predicted for each target: salt-ml orders them number by number, we target by target.
    """

    name: str
    config: dict[str, Any]
    has_class_dict: bool = False
    num_moments: int = 1


def tasks_of(model: Section, objects: Sequence[str]) -> list[OldTask]:
    """Translate the tasks of a ``SaltModel``.

    Parameters
    ----------
    model : Section
        Its options.
    objects : sequence of str
        What tasks can be on; the object with one row per jet is the first.
    """
    container, modules = model.component("tasks")
    if container != "ModuleList":
        model.fault("tasks", f"{container or 'nothing'} is named; a ModuleList of tasks is expected")
        return []
    tasks = []
    for kind, options in modules.components("modules"):
        translate = TASKS.get(kind)
        if translate is None:
            options.refuse_all(f"{kind or 'nothing'}: {', '.join(TASKS)} are what can be imported")
            continue
        tasks.append(translate(options, objects))
        options.close(of_model=True)
    modules.close(of_model=True)
    names = [task.name for task in tasks]
    for name in {name for name in names if names.count(name) > 1}:
        model.fault("tasks", f"two are called {name!r}")
    return tasks


def _classification(options: Section, objects: Sequence[str]) -> OldTask:
    label = str(options.take("label"))
    names = options.take("class_names", CLASS_NAMES.get(label))
    from_dict = options.take("use_class_dict", False)
    loss = _class_loss(options, from_dict)
    config = {"plugin": "classification", **_on(options, objects), "label": label, "loss": loss}
    optional = {
        "class_names": names,
        "label_map": options.take("label_map"),
        "sample_weight": options.take("sample_weight"),
    }
    config |= {key: value for key, value in optional.items() if value is not None}
    config |= _net(options, objects)
    return OldTask(_name(options), config, has_class_dict=from_dict)


def _class_loss(options: Section, from_dict: bool) -> Any:
    """Return the loss."""
    name, loss = options.component("loss")
    weights = loss.take("weight")
    loss.without("reduction", "size_average", "reduce", "ignore_index")
    if name == "CrossEntropyLoss":
        found: dict[str, Any] = {"plugin": "cross_entropy"}
        if from_dict or weights:
            found["weight"] = "class_dict" if from_dict else weights
        smoothing = loss.take("label_smoothing", 0.0)
        found |= {"label_smoothing": smoothing} if smoothing else {}
    elif name == "BCEWithLogitsLoss":
        found = {"plugin": "binary_cross_entropy"}
        factor = loss.take("pos_weight")
        found |= {"pos_weight": factor[0] if isinstance(factor, list) else factor} if factor else {}
        if weights:
            loss.note("weight", weights, "binary_cross_entropy has pos_weight alone")
    else:
        options.fault(
            "loss", f"{name or 'none'}: CrossEntropyLoss and BCEWithLogitsLoss are what can be imported"
        )
        found = {"plugin": "cross_entropy"}
    loss.close()
    return found if len(found) > 1 else found["plugin"]


def _vertexing(options: Section, objects: Sequence[str]) -> OldTask:
    name, loss = options.component("loss")
    if name != "BCEWithLogitsLoss":
        options.fault("loss", f"{name or 'none'}: BCEWithLogitsLoss is what can be imported")
    loss.without("reduction", "size_average", "reduce")
    factor = loss.take("pos_weight")
    loss.close()
    config = {
        "plugin": "vertexing",
        **_on(options, objects),
        "label": options.take("label"),
        "origin_label": ORIGIN_LABEL,
        "loss": {"plugin": "binary_cross_entropy", "pos_weight": factor}
        if factor
        else "binary_cross_entropy",
        **_net(options, objects),
    }
    if "dropout" in config:
        options.note("dense_config.dropout", config.pop("dropout"), "the net on pairs has none here")
    return OldTask(_name(options), config)


def _regression(options: Section, objects: Sequence[str]) -> OldTask:
    name, loss = options.component("loss")
    known = {"MSELoss": "mean_squared", "L1Loss": "l1", "HuberLoss": "huber", "SmoothL1Loss": "huber"}
    if name not in known:
        options.fault("loss", f"{name or 'none'}: {', '.join(known)} are what can be imported")
    loss.without("reduction", "size_average", "reduce")
    delta = loss.take("delta" if name == "HuberLoss" else "beta", 1.0)
    if name == "SmoothL1Loss" and delta != 1:
        loss.note("beta", delta, "huber is SmoothL1Loss times beta: divide the task's weight by it")
    loss.close()
    plugin = known.get(name, "l1")
    config = {
        "plugin": "regression",
        **_numbers(options, objects),
        "loss": {"plugin": plugin, "delta": delta} if plugin == "huber" and delta != 1 else plugin,
        **_net(options, objects),
    }
    return OldTask(_name(options), config)


def _gaussian(options: Section, objects: Sequence[str]) -> OldTask:
    name, loss = options.component("loss")
    if name != "GaussianNLLLoss":
        options.fault("loss", f"{name or 'none'}: GaussianNLLLoss is what can be imported")
    loss.without("reduction", "full")
    eps = loss.take("eps", 1e-6)
    loss.close()
    config = {
        "plugin": "gaussian_regression",
        **_numbers(options, objects),
        "loss": {"plugin": "gaussian_nll", "variance": "softplus", **({"eps": eps} if eps != 1e-6 else {})},
        **_net(options, objects),
    }
    return OldTask(_name(options), config, num_moments=2)


TASKS: Mapping[str, Callable[[Section, Sequence[str]], OldTask]] = {
    "ClassificationTask": _classification,
    "VertexingTask": _vertexing,
    "RegressionTask": _regression,
    "GaussianRegressionTask": _gaussian,
}


def _name(options: Section) -> str:
    return str(options.take("name", ""))


def _on(options: Section, objects: Sequence[str]) -> dict[str, Any]:
    """Return what a task is on."""
    input_name = str(options.take("input_name"))
    if input_name not in objects:
        options.fault("input_name", f"{input_name!r} is none of {', '.join(objects)}")
    return {"input_name": input_name}


def _net(options: Section, objects: Sequence[str]) -> dict[str, Any]:
    """Return the net of a head, and the weight of its loss."""
    section = options.section("dense_config")
    has_context, is_jet = bool(section.take("context_size", 0)), options.take("input_name") == objects[0]
    if has_context == is_jet:
        expected = "here the jet's vector is joined to those of constituents, and to nothing else"
        section.fault("context_size", f"{'given' if has_context else 'not given'}: {expected}")
    weight = options.take("weight", 1.0)
    return dense_of(section, None) | ({"weight": weight} if weight != 1 else {})


def _numbers(options: Section, objects: Sequence[str]) -> dict[str, Any]:
    targets = options.strings("targets")
    norms = options.section("norm_params")
    scaling = {"mean": norms.take("mean"), "std": norms.take("std")}
    optional = {
        "target_denominators": options.take("target_denominators"),
        "norm_params": scaling if scaling["mean"] is not None else None,
        "scaler": _scaler(options),
        "custom_output_names": options.take("custom_output_names"),
        "sample_weight": options.take("sample_weight"),
    }
    given = {key: value for key, value in optional.items() if value is not None}
    return {**_on(options, objects), "targets": targets, **given}


def _scaler(options: Section) -> dict[str, Any] | None:
    """Translate the functions by which targets are scaled."""
    name, scaler = options.component("scaler")
    if not name:
        return None
    scales = scaler.section("scales")
    found = {str(target): _function(scales.section(str(target))) for target in scales.take_all()}
    scaler.close(of_model=True)
    return found


def _function(section: Section) -> dict[str, Any]:
    """Translate ``op(x * x_scale + x_off) * op_scale + op_off`` to ``(op(x) - offset) / scale``."""
    op = section.take("op", "linear")
    x_scale, x_off, op_scale, op_off = (
        float(section.take(key, usual))
        for key, usual in (("x_scale", 1), ("x_off", 0), ("op_scale", 1), ("op_off", 0))
    )
    section.close(of_model=True)
    if not (x_scale > 0 and op_scale > 0):
        section.fault("x_scale", f"{x_scale:g}, op_scale {op_scale:g}: both must be above 0 here")
        return {"op": op}
    if op == "linear":
        scale = 1 / (x_scale * op_scale)
        return {"op": op, "scale": scale, "offset": -(x_off * op_scale + op_off) * scale}
    if op == "log" and x_off == 0:
        return {"op": op, "scale": 1 / op_scale, "offset": -(log(x_scale) + op_off / op_scale)}
    if op == "log" and x_scale == x_off == 1:
        return {"op": "log1p", "scale": 1 / op_scale, "offset": -op_off / op_scale}
    if op == "exp" and x_scale == 1:
        factor = op_scale * exp(x_off)
        return {"op": op, "scale": 1 / factor, "offset": -op_off / factor}
    section.fault("op", f"{op} with x_scale {x_scale:g} and x_off {x_off:g} has no equivalent here")
    return {"op": op}
