"""Models and dicts that do not fit the data."""

from __future__ import annotations

from mistakes.breaking import norms, text, with_plugin
from mistakes.case import Case

BROKEN_LOSS = ("--plugins", "[broken.py]", "--model.tasks.flavour.loss")

CASES = {
    "class weights of another number": Case(
        [],
        ["model.tasks.flavour", "2 class weights", "has 4 classes"],
        prepare=text("class_dict.yaml", "jets: {flavour_label: [1.0, 2.0]}\n"),
    ),
    "class weight of zero": Case(
        [],
        ["model.tasks.flavour", "finite and positive"],
        prepare=text("class_dict.yaml", "jets: {flavour_label: [1.0, 2.0, 0.0, 1.0]}\n"),
    ),
    "class weight that is infinite": Case(
        [],
        ["model.tasks.flavour", "finite and positive"],
        prepare=text("class_dict.yaml", "jets: {flavour_label: [1.0, 2.0, .inf, 1.0]}\n"),
    ),
    "class weights that are no list": Case(
        [],
        ["data.class_dict, jets/flavour_label", "a list with a number for each class"],
        prepare=text("class_dict.yaml", "jets: {flavour_label: heavy}\n"),
    ),
    "no class weights": Case(
        ["--data.class_dict", "null"], ["model.tasks.flavour", "data.class_dict has no weights"]
    ),
    "no class dict": Case(
        ["--data.class_dict", "nope.yaml"], ["data.class_dict", "nope.yaml does not exist"]
    ),
    "width of zero": Case(
        [],
        ["data.norm_dict, jets/pt: mean 50.0, std 0.0"],
        prepare=norms(jets__pt={"mean": 50.0, "std": 0.0}),
    ),
    "mean that is NaN": Case(
        [],
        ["data.norm_dict, tracks/hits: mean nan"],
        prepare=norms(tracks__hits={"mean": float("nan"), "std": 1.0}),
    ),
    "variable without normalisation": Case(
        [], ["data.norm_dict, tracks/z0", "does not have it"], prepare=norms(tracks__z0=None)
    ),
    "no norm dict": Case(["--data.norm_dict", "null"], ["data.norm_dict: not set"]),
    "no names of classes": Case(
        ["--model.tasks.flavour.label", "event", "--model.tasks.flavour.loss.weight", "null"],
        ["model.tasks.flavour", "class_names", "no attribute that names the classes of label 'event'"],
    ),
    "task on no input": Case(
        ["--model.tasks.origin.input_name", "jet"], ["model.tasks.origin", "did you mean 'jets'?"]
    ),
    "normalisation that overflows": Case(
        [], ["its loss is nan"], 3, prepare=norms(jets__pt={"mean": 0.0, "std": 1e-42})
    ),
    "share of a running mean above 1": Case(
        ["--model.optimizer", "{plugin: adamw, betas: [0.9, 1.5]}"],
        ["model.optimizer, betas: [0.9, 1.5]: each must be at least 0, and below 1"],
    ),
    "weight decay below 0": Case(
        ["--model.lrs_config.weight_decay", "-1"],
        ["model.lrs_config.weight_decay: -1.0 must be finite, and not below 0"],
    ),
    "weight of a task that is no number": Case(
        ["--model.tasks.origin.weight", ".nan"], ["model.tasks.origin: its loss is nan"]
    ),
    "loss that is NaN": Case(
        [*BROKEN_LOSS, "{plugin: broken, how: nan}"],
        ["model.tasks.flavour: its loss is nan"],
        prepare=with_plugin,
    ),
    "loss that fails": Case(
        [*BROKEN_LOSS, "broken"], ["the first step fails", "TypeError: no such sum"], prepare=with_plugin
    ),
    "gradient that is not finite": Case(
        [*BROKEN_LOSS, "{plugin: broken, how: gradient}"],
        ["model: the first step gives gradients that are not finite"],
        prepare=with_plugin,
    ),
}
