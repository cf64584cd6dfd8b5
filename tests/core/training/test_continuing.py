"""What a training cannot go on from is told before it begins, and by ``salt check`` too."""

from __future__ import annotations

import pytest

from salt_core.training import archive

LONGER = ("--trainer.max_epochs", "2", "--model.lrs_config.last_epoch", "0")
WRONG = {
    "another model": (
        ("--model.tasks.flavour.hidden_layers", "[4]", "--model.tasks.vertexing", "null"),
        ["--ckpt_path: ", " is of another model: ", "tasks.flavour.", "(4, ", "there (8, ", "only there"],
    ),
    "another optimiser": (
        ("--model.optimizer", "lion"),
        [
            "model.optimizer: ",
            " was trained with AdamW, Lion cannot go on with its state",
            "--model.init_from",
        ],
    ),
    "other parts frozen": (
        ("--model.freeze", "[encoder]"),
        ["model.freeze: ", "an optimiser of [", "parameters by group", "freeze the same parts"],
    ),
}


@pytest.fixture
def sample(trained):
    """Small samples, and a model trained on them."""
    return trained


@pytest.fixture
def checkpoint(sample):
    return sample.run / "ckpts" / "last.ckpt"


def test_what_is_otherwise_is_told(sample, salt, checkpoint):
    for command in ("fit", "check"):
        for words, said in WRONG.values():
            given = ("--config", sample.config, "-f", "--ckpt_path", checkpoint, *LONGER, *words)
            done = salt(command, *given)
            assert done.code == 2, done.err
            assert [text for text in said if text not in done.err] == []
    assert [path.name for path in (sample.folder / "logs").iterdir()] == ["tiny_a"]


def test_a_checkpoint_without_the_optimiser_s_name_goes_on(sample, salt, checkpoint):
    content = archive.load(checkpoint)
    assert content.pop("salt_optimizer") == "AdamW"
    old = sample.run / "ckpts" / "old.ckpt"
    archive.save(content, old)
    done = salt("fit", "--config", sample.config, "-f", "--ckpt_path", old, *LONGER, "--log_suffix", "second")
    assert done.code == 0, done.err
    last = archive.load(sample.folder / "logs" / "tiny_second" / "ckpts" / "last.ckpt")
    assert (last["global_step"], last["salt_optimizer"]) == (10, "AdamW")
