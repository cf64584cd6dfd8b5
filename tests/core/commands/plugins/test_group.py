"""``salt plugins`` alone, and with a wrong name."""

from __future__ import annotations


def test_an_unknown_subcommand_is_one_message(salt):
    done = salt("plugins", "lst")
    assert (done.code, done.out) == (2, "")
    assert (
        done.err
        == "error: 'salt plugins' has no command 'lst': did you mean 'list'? Choices: check, list, new, show\n"
    )


def test_alone_it_shows_its_help(salt):
    done = salt("plugins")
    assert done.code == 0
    assert "Usage: salt plugins" in done.out
