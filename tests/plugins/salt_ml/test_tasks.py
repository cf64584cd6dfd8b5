"""Each option of salt-ml's tasks, from the configuration to ours."""

from __future__ import annotations

import pytest

from salt_core.errors import SaltError
from salt_plugins.salt_ml.translation import translate


def component(path, **options):
    return {"class_path": path, "init_args": options}


def loss(name, **options):
    return component(f"torch.nn.{name}", **options)


def task(kind, of_jets=True, **options):
    """Give a task of salt-ml on jets or tracks, with the net that it needs there."""
    net = {"input_size": 16, "output_size": 1, "hidden_layers": [16]} | (
        {} if of_jets else {"context_size": 16}
    )
    on = "jets" if of_jets else "tracks"
    return component(
        f"salt.models.{kind}", **{"name": "it", "input_name": on, "dense_config": net, **options}
    )


def classification(**options):
    return task("ClassificationTask", **{"label": "flavour", "loss": loss("CrossEntropyLoss"), **options})


def vertexing(**options):
    chosen = {"label": "vertex", "loss": loss("BCEWithLogitsLoss"), **options}
    return task("VertexingTask", of_jets=False, **chosen)


def regression(**options):
    return task("RegressionTask", **{"targets": ["pt"], "loss": loss("L1Loss"), **options})


def gaussian(**options):
    return task("GaussianRegressionTask", **{"targets": ["pt"], "loss": loss("GaussianNLLLoss"), **options})


@pytest.fixture
def translated(old_config):
    """Translate the configuration with these tasks in the place of its own."""

    def translate_tasks(*tasks):
        model = old_config["model"]["model"]["init_args"]
        model["tasks"] = component("torch.nn.ModuleList", modules=list(tasks))
        old_config["trainer"]["callbacks"] = []
        return translate(old_config)

    return translate_tasks


@pytest.fixture
def ours(translated):
    """Give what one task becomes."""
    return lambda one: translated(one).config["model"]["tasks"]["it"]


@pytest.fixture
def fault(translated):
    """Give what is said of tasks that cannot be translated."""

    def fault_of(*tasks):
        with pytest.raises(SaltError) as caught:
            translated(*tasks)
        return str(caught.value)

    return fault_of


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        (loss("CrossEntropyLoss"), "cross_entropy"),
        (loss("CrossEntropyLoss", weight=[1.0, 2.0]), {"plugin": "cross_entropy", "weight": [1.0, 2.0]}),
        (
            loss("CrossEntropyLoss", label_smoothing=0.1, reduction="mean"),
            {"plugin": "cross_entropy", "label_smoothing": 0.1},
        ),
        (loss("BCEWithLogitsLoss"), "binary_cross_entropy"),
        (loss("BCEWithLogitsLoss", pos_weight=[3.0]), {"plugin": "binary_cross_entropy", "pos_weight": 3.0}),
        (loss("BCEWithLogitsLoss", pos_weight=4.0), {"plugin": "binary_cross_entropy", "pos_weight": 4.0}),
    ],
)
def test_losses_of_classes(ours, theirs, expected):
    assert ours(classification(loss=theirs))["loss"] == expected


def test_weights_that_the_binary_loss_does_not_take_are_told(translated):
    found = translated(classification(loss=loss("BCEWithLogitsLoss", weight=[1.0, 2.0])))
    assert found.config["model"]["tasks"]["it"]["loss"] == "binary_cross_entropy"
    assert "binary_cross_entropy has pos_weight alone" in "\n".join(found.left_out)


def test_classes_labels_and_sample_weights(ours):
    given = {"class_names": ["b", "u"], "label_map": {5: 0, 0: 1}, "sample_weight": "w"}
    found = ours(classification(**given))
    assert {key: found[key] for key in given} == given
    assert "class_names" not in ours(classification())
    assert ours(classification(label="ftagTruthTypeLabel"))["class_names"][-1] == "Muon"


def test_the_pairs_loss_has_a_factor_and_no_dropout(translated):
    theirs = vertexing(loss=loss("BCEWithLogitsLoss", pos_weight=2.0, reduction="none"))
    theirs["init_args"]["dense_config"]["dropout"] = 0.1
    found = translated(theirs)
    task_of_ours = found.config["model"]["tasks"]["it"]
    assert task_of_ours["loss"] == {"plugin": "binary_cross_entropy", "pos_weight": 2.0}
    assert "dropout" not in task_of_ours
    assert "dense_config.dropout: 0.1" in "\n".join(found.left_out)


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        (loss("L1Loss"), "l1"),
        (loss("MSELoss", reduction="mean"), "mean_squared"),
        (loss("HuberLoss"), "huber"),
        (loss("HuberLoss", delta=0.5), {"plugin": "huber", "delta": 0.5}),
        (loss("SmoothL1Loss"), "huber"),
    ],
)
def test_losses_of_numbers(ours, theirs, expected):
    assert ours(regression(loss=theirs))["loss"] == expected


def test_smooth_l1_differs_from_huber_by_beta_which_is_told(translated):
    found = translated(regression(loss=loss("SmoothL1Loss", beta=0.5)))
    assert found.config["model"]["tasks"]["it"]["loss"] == {"plugin": "huber", "delta": 0.5}
    assert "divide the task's weight by it" in "\n".join(found.left_out)


def test_targets_their_norms_and_denominators(ours):
    given = {
        "targets": ["pt", "mass"],
        "target_denominators": ["pt_jet", "mass_jet"],
        "norm_params": {"mean": [1.0, 2.0], "std": [3.0, 4.0]},
        "custom_output_names": ["a", "b"],
        "sample_weight": "w",
    }
    found = ours(regression(**given, weight=0.3))
    assert {key: found[key] for key in given} == given
    assert found["weight"] == 0.3
    assert not {"norm_params", "scaler", "weight"} & ours(regression()).keys()


@pytest.mark.parametrize(("eps", "expected"), [({}, {}), ({"eps": 1e-6}, {}), ({"eps": 1e-3}, {"eps": 1e-3})])
def test_the_gaussian_loss(ours, eps, expected):
    found = ours(gaussian(loss=loss("GaussianNLLLoss", **eps)))
    assert found["plugin"] == "gaussian_regression"
    assert found["loss"] == {"plugin": "gaussian_nll", "variance": "softplus", **expected}


@pytest.mark.parametrize(
    ("theirs", "told"),
    [
        (vertexing(loss=loss("MSELoss")), "MSELoss: BCEWithLogitsLoss is what can be imported"),
        (regression(loss=loss("CTCLoss")), "CTCLoss: MSELoss, L1Loss, HuberLoss, SmoothL1Loss are what can"),
        (gaussian(loss=loss("MSELoss")), "MSELoss: GaussianNLLLoss is what can be imported"),
        (task("MaskTask"), "MaskTask: ClassificationTask, VertexingTask, RegressionTask, Gaussian"),
        (
            classification(dense_config={"input_size": 16, "output_size": 4, "context_size": 16}),
            "context_size: given: here the jet's vector is joined to those of constituents",
        ),
        (
            vertexing(dense_config={"input_size": 32, "output_size": 1}),
            "context_size: not given: here the jet's vector is joined",
        ),
    ],
)
def test_what_has_no_equivalent_is_refused(fault, theirs, told):
    assert told in fault(theirs)


@pytest.mark.parametrize(
    ("scale", "told"),
    [
        ({"op": "log", "x_scale": -1}, "x_scale: -1, op_scale 1: both must be above 0 here"),
        (
            {"op": "log", "x_scale": 2, "x_off": 1},
            "op: log with x_scale 2 and x_off 1 has no equivalent here",
        ),
        ({"op": "exp", "x_scale": 2}, "op: exp with x_scale 2 and x_off 0 has no equivalent here"),
    ],
)
def test_scales_without_equivalent_are_refused(fault, scale, told):
    scaler = component("salt.utils.scalers.RegressionTargetScaler", scales={"pt": scale})
    assert told in fault(regression(scaler=scaler))


def test_two_tasks_of_one_name_are_refused(fault):
    assert "two are called 'it'" in fault(classification(), regression())


def test_tasks_in_no_list_are_refused(old_config):
    old_config["model"]["model"]["init_args"]["tasks"] = component("torch.nn.ModuleDict")
    with pytest.raises(SaltError, match="ModuleDict is named; a ModuleList of tasks is expected"):
        translate(old_config)
