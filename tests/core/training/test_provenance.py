"""Repositories of a run, told by the command line: what stops it, and what ``metadata.yaml`` says of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from told import record_of

import salt_core
from salt_core.training import provenance
from salt_core.training.provenance import code_files

PLUGIN = """
from salt_core import hookimpl

@hookimpl
def salt_callbacks():
    return {}
"""


def test_a_clean_repository_trains_and_is_recorded(project, fit, git):
    git(project.folder, "remote", "add", "origin", "https://me:secret@host.org/x.git")
    done = fit("--log_suffix", "1")
    assert done.code == 0, done.err
    assert "uncommitted" not in done.err
    assert record_of(project.folder / "logs" / "tiny_1")["repositories"] == {
        str(project.folder): {
            "commit": git(project.folder, "rev-parse", "HEAD"),
            "branch": "main",
            "remotes": {"origin": "https://host.org/x.git"},
            "dirty": False,
            "uncommitted": [],
        }
    }
    assert not (project.folder / "logs" / "tiny_1" / "uncommitted.diff").exists()


def test_changes_stop_a_run_and_force_keeps_them_beside_it(project, fit, git, change):
    change()
    done = fit("--log_suffix", "1")
    assert done.code == 2
    assert f"uncommitted changes in {project.folder}: tiny.yaml." in done.err
    assert "--force" in done.err
    assert not (project.folder / "logs").exists()
    done = fit("--log_suffix", "1", "-f")
    assert done.code == 0, done.err
    assert f"--force: uncommitted changes in {project.folder}: tiny.yaml" in done.err
    told = record_of(project.folder / "logs" / "tiny_1")["repositories"][str(project.folder)]
    assert (told["dirty"], told["uncommitted"], told["diff"]) == (True, ["tiny.yaml"], "uncommitted.diff")
    run = project.folder / "logs" / "tiny_1"
    git(project.folder, "checkout", "-q", "tiny.yaml")
    git(project.folder, "apply", run / "uncommitted.diff")
    assert "seed_everything: 3" in project.config.read_text()


def test_a_large_difference_is_cut_and_that_is_said(project, fit, monkeypatch, change):
    change()
    monkeypatch.setattr(provenance, "DIFF_BYTES", 40)
    done = fit("--log_suffix", "1", "-f")
    assert done.code == 0, done.err
    assert "uncommitted.diff holds the first 40 bytes" in done.err
    run = project.folder / "logs" / "tiny_1"
    assert record_of(run)["repositories"][str(project.folder)]["diff_cut_at"] == 40
    assert (run / "uncommitted.diff").stat().st_size == 40


@pytest.mark.parametrize("kind", ["config", "plugin", "dict"])
def test_an_untracked_file_stops_a_run_that_uses_it(project, fit, kind):
    new = project.folder / "new.py"
    source = {"config": "tiny.yaml", "dict": "norm_dict.yaml"}.get(kind)
    new.write_text((project.folder / source).read_text() if source else PLUGIN)
    assert fit("--trainer.max_steps", "1").code == 0
    words = {
        "config": ("--config", new),
        "plugin": ("--plugins", f"[{new}]"),
        "dict": ("--data.norm_dict", new),
    }[kind]
    done = fit(*words)
    assert done.code == 2
    assert f"{project.folder}: new.py (not tracked)." in done.err


def test_all_repositories_are_told_at_once(project, fit, commit, tmp_path_factory, change):
    other = tmp_path_factory.mktemp("other")
    shutil.copy(project.folder / "norm_dict.yaml", other)
    commit(other)
    (other / "norm_dict.yaml").write_text((other / "norm_dict.yaml").read_text() + "# changed\n")
    change()
    done = fit("--data.norm_dict", other / "norm_dict.yaml")
    assert done.code == 2
    assert f"{project.folder}: tiny.yaml" in done.err
    assert f"{other}: norm_dict.yaml" in done.err
    assert done.err.count("--force") == 1


def test_the_code_of_an_editable_install_counts(sample, fit, monkeypatch, commit):
    code = sample.folder / "code"
    code.mkdir()
    for name in ("mine.py", "unused.py"):
        (code / name).write_text("x = 1\n")
    commit(code, "mine.py")
    monkeypatch.setattr(provenance, "code_files", lambda plugins: [code / "mine.py"])
    assert fit("--log_suffix", "1").code == 0
    assert list(record_of(sample.folder / "logs" / "tiny_1")["repositories"]) == [str(code)]
    (code / "mine.py").write_text("x = 2\n")
    done = fit("--log_suffix", "2")
    assert done.code == 2
    assert f"uncommitted changes in {code}: mine.py." in done.err


def test_code_in_use_is_that_of_the_core_and_of_plugins(sample):
    from salt_core.registry import Registry

    gn2 = Registry.discover().provider("encoder", "gn2")
    assert {path.parts[-2] for path in code_files([])}.isdisjoint({"gn2"})
    Registry.discover().resolve("encoder", "gn2")
    files = code_files([gn2])
    assert Path(salt_core.__file__) in files
    assert any(path.parent.name == "gn2" for path in files)
    assert not any("site-packages" in path.parts for path in files)
    assert Path(__file__) not in files


def test_no_repository_at_all_is_said(sample, fit, code_elsewhere):
    done = fit("--log_suffix", "1")
    assert done.code == 0, done.err
    assert "tiny.yaml: in no git repository" in done.err
    assert record_of(sample.folder / "logs" / "tiny_1")["repositories"] == {}


def test_no_git_at_all_is_said(project, fit, monkeypatch, change):
    change()
    monkeypatch.setenv("PATH", str(project.folder))
    done = fit("--log_suffix", "1")
    assert done.code == 0, done.err
    assert "git is not installed" in done.err
    assert record_of(project.folder / "logs" / "tiny_1")["repositories"] == {}
    done = fit("--log_suffix", "2", "--tag")
    assert done.code == 2
    assert "--tag: needs git" in done.err


def test_a_repository_that_git_does_not_open_stops_a_run(project, fit, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    done = fit("--log_suffix", "1")
    assert done.code == 2
    assert "dubious ownership" in done.err
    assert fit("--log_suffix", "1", "-f").code == 0


def test_a_dev_run_looks_at_nothing(project, fit, fork, git, change):
    change()
    bare = fork(project.folder)
    done = fit("--trainer.fast_dev_run", "1", "-t")
    assert done.code == 0, done.err
    assert "no tag is made" in done.err
    assert git(bare, "tag") == ""


def test_a_run_goes_on_from_its_own_configuration_though_nobody_committed_that(project, salt, fit):
    assert fit("--log_suffix", "1").code == 0
    config = project.folder / "logs" / "tiny_1" / "config.yaml"
    done = salt("fit", "--config", config, "--log_suffix", "2")
    assert done.code == 0, done.err
