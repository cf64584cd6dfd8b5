"""Trainings with plugins of a file, which their run directories keep a copy of."""

from __future__ import annotations

from local_plugin import LOCAL_PLUGIN


def test_plugins_of_the_environment_are_copied_too_even_of_one_name(sample, salt, monkeypatch):
    for folder, name in (("one", "mine"), ("two", "other")):
        (sample.folder / folder).mkdir()
        (sample.folder / folder / "my_loss.py").write_text(LOCAL_PLUGIN.replace('"mine"', f'"{name}"'))
    monkeypatch.setenv("SALT_PLUGINS", "one/my_loss.py:two/my_loss.py")
    words = ("--model.tasks.flavour.loss", "mine", "--model.tasks.origin.loss", "other", "-f")
    done = salt("fit", "--config", sample.config, *words, "--log_suffix", "a")
    assert done.code == 0, done.err
    monkeypatch.delenv("SALT_PLUGINS")
    run = sample.folder / "logs" / "tiny_a"
    assert salt("test", "--config", run / "config.yaml").code == 0


def test_a_plugin_of_this_project_trains_and_its_copy_reproduces(sample, salt):
    (sample.folder / "my_loss.py").write_text(LOCAL_PLUGIN)
    words = ("--plugins", "[my_loss.py]", "--model.tasks.flavour.loss", "mine", "-f")
    done = salt("fit", "--config", sample.config, *words, "--log_suffix", "a")
    assert done.code == 0, done.err
    run = sample.folder / "logs" / "tiny_a"
    assert (run / "plugins" / "my_loss.py").read_text() == LOCAL_PLUGIN
    (sample.folder / "my_loss.py").unlink()
    done = salt("fit", "--config", run / "config.yaml", "-f", "--log_suffix", "b")
    assert done.code == 0, done.err
    assert salt("test", "--config", run / "config.yaml").code == 0
