"""One seed, one set of weights."""

from __future__ import annotations

import torch


def test_one_seed_gives_one_set_of_weights(sample, fit):
    """With everything that draws at random: weights, dropout, the order of jets, in workers of their own."""
    words = ("-f", "--model.encoder.dropout", "0.2", "--data.num_workers", "2", "--trainer.max_epochs", "2")
    states = []
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        torch.rand(3)
        done = fit(*words, "--seed_everything", seed, "--log_suffix", name)
        assert done.code == 0, done.err
        states.append(
            torch.load(sample.folder / "logs" / f"tiny_{name}" / "ckpts" / "last.ckpt")["state_dict"]
        )
    same, other = (
        {key: torch.equal(states[0][key], state[key]) for key in states[0]} for state in states[1:]
    )
    assert all(same.values())
    assert not other["encoder.out_proj.weight"]
