"""Where a run comes from, told by the command line: repositories, tags, and what metadata.yaml says."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

import salt_core
import salt_plugins
from salt_core import __version__
from salt_core.data.fingerprint import checksum_of_ends
from salt_core.training import provenance
from salt_core.training.provenance import code_files

TAG = ("--tag", "--log_suffix", "1")

STOPS = '''
import os, signal
from lightning.pytorch import Callback
from salt_core import hookimpl

class Stop(Callback):
    """Sends a signal after the second step."""
    def on_train_batch_end(self, trainer, module, outputs, batch, index):
        if index == 1:
            os.kill(os.getpid(), int(os.environ["STOP_BY"]))

@hookimpl
def salt_callbacks():
    return {"stop": Stop}
'''


@pytest.fixture
def code_elsewhere(monkeypatch):
    """Leave the repository of this checkout out: it may hold changes."""
    monkeypatch.setattr(provenance, "code_files", lambda plugins: [])


@pytest.fixture
def project(sample, commit, code_elsewhere):
    """The folder of the samples as a repository that holds configuration and dicts."""
    (sample.folder / ".gitignore").write_text("*.h5\n")
    commit(sample.folder, ".gitignore", "tiny.yaml", "norm_dict.yaml", "class_dict.yaml")
    return sample


@pytest.fixture
def fit(sample, salt):
    def run(*words: object):
        done = salt("fit", "--config", sample.config, *words)
        assert "Traceback" not in done.err
        return done

    return run


def read(sample, name: str = "tiny_1"):
    return yaml.safe_load((sample.folder / "logs" / name / "metadata.yaml").read_text())


def change(sample) -> None:
    sample.config.write_text(sample.config.read_text() + "seed_everything: 3\n")


def test_a_clean_repository_trains_and_is_recorded(project, fit, git):
    git(project.folder, "remote", "add", "origin", "https://me:secret@host.org/x.git")
    done = fit("--log_suffix", "1")
    assert done.code == 0, done.err
    assert "uncommitted" not in done.err
    assert read(project)["repositories"] == {
        str(project.folder): {
            "commit": git(project.folder, "rev-parse", "HEAD"),
            "branch": "main",
            "remotes": {"origin": "https://host.org/x.git"},
            "dirty": False,
            "uncommitted": [],
        }
    }
    assert not (project.folder / "logs" / "tiny_1" / "uncommitted.diff").exists()


def test_changes_stop_a_run_and_force_keeps_them_beside_it(project, fit, git):
    change(project)
    done = fit("--log_suffix", "1")
    assert done.code == 2
    assert f"uncommitted changes in {project.folder}: tiny.yaml." in done.err
    assert "--force" in done.err
    assert not (project.folder / "logs").exists()
    done = fit("--log_suffix", "1", "-f")
    assert done.code == 0, done.err
    assert f"--force: uncommitted changes in {project.folder}: tiny.yaml" in done.err
    told = read(project)["repositories"][str(project.folder)]
    assert (told["dirty"], told["uncommitted"], told["diff"]) == (True, ["tiny.yaml"], "uncommitted.diff")
    run = project.folder / "logs" / "tiny_1"
    git(project.folder, "checkout", "-q", "tiny.yaml")
    git(project.folder, "apply", run / "uncommitted.diff")
    assert "seed_everything: 3" in project.config.read_text()


def test_a_large_difference_is_cut_and_that_is_said(project, fit, monkeypatch):
    change(project)
    monkeypatch.setattr(provenance, "DIFF_BYTES", 40)
    done = fit("--log_suffix", "1", "-f")
    assert done.code == 0, done.err
    assert "uncommitted.diff holds the first 40 bytes" in done.err
    assert read(project)["repositories"][str(project.folder)]["diff_cut_at"] == 40
    assert (project.folder / "logs" / "tiny_1" / "uncommitted.diff").stat().st_size == 40


@pytest.mark.parametrize("kind", ["config", "plugin", "dict"])
def test_an_untracked_file_stops_a_run_that_uses_it(project, fit, kind):
    new = project.folder / "new.py"
    source = {"config": "tiny.yaml", "dict": "norm_dict.yaml"}.get(kind)
    new.write_text((project.folder / source).read_text() if source else STOPS)
    assert fit("--trainer.max_steps", "1").code == 0
    words = {
        "config": ("--config", new),
        "plugin": ("--plugins", f"[{new}]"),
        "dict": ("--data.norm_dict", new),
    }[kind]
    done = fit(*words)
    assert done.code == 2
    assert f"{project.folder}: new.py (not tracked)." in done.err


def test_all_repositories_are_told_at_once(project, fit, commit, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    shutil.copy(project.folder / "norm_dict.yaml", other)
    commit(other)
    (other / "norm_dict.yaml").write_text((other / "norm_dict.yaml").read_text() + "# changed\n")
    change(project)
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
    assert list(read(sample)["repositories"]) == [str(code)]
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
    assert read(sample)["repositories"] == {}


def test_no_git_at_all_is_said(project, fit, monkeypatch):
    change(project)
    monkeypatch.setenv("PATH", str(project.folder))
    done = fit("--log_suffix", "1")
    assert done.code == 0, done.err
    assert "git is not installed" in done.err
    assert read(project)["repositories"] == {}
    done = fit("--log_suffix", "2", "--tag")
    assert done.code == 2
    assert "--tag: needs git" in done.err


def test_a_repository_that_git_does_not_open_stops_a_run(project, fit, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    done = fit("--log_suffix", "1")
    assert done.code == 2
    assert "dubious ownership" in done.err
    assert fit("--log_suffix", "1", "-f").code == 0


def test_a_dev_run_looks_at_nothing(project, fit, fork, git):
    change(project)
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


def test_the_fork_gets_a_tag_called_like_the_run(project, fit, fork, git, the_run):
    bare = fork(project.folder)
    done = fit("-t")
    assert done.code == 0, done.err
    name = the_run(project.folder).name
    assert f"the tag {name} of {project.folder} is at origin" in done.err
    assert git(bare, "tag") == name
    assert git(bare, "rev-parse", f"{name}^{{commit}}") == git(project.folder, "rev-parse", "HEAD")
    told = read(project, name)["repositories"][str(project.folder)]
    assert (told["tag"], told["tag_remote"]) == (name, "origin")
    saved = yaml.safe_load((the_run(project.folder) / "config.yaml").read_text())
    assert not {"tag", "tag_remote"} & saved.keys()


def test_another_remote_takes_the_tag(project, fit, fork, git):
    bares = [fork(project.folder, name) for name in ("origin", "mine")]
    assert fit(*TAG, "--tag_remote", "mine").code == 0
    assert [git(bare, "tag") for bare in bares] == ["", "tiny_1"]


def test_a_tag_that_is_refused_stops_the_run_before_it_begins(project, fit, fork, git):
    bare = fork(project.folder, refuses=True)
    done = fit(*TAG)
    assert done.code == 1
    assert "was not taken by origin" in done.err
    assert "no tags here" in done.err
    assert git(project.folder, "tag") == git(bare, "tag") == ""
    assert list((project.folder / "logs").iterdir()) == []


def test_force_makes_no_tag_and_says_so(project, fit, fork, git):
    bare = fork(project.folder)
    done = fit(*TAG, "--force")
    assert done.code == 0, done.err
    assert "--force: no tag is made" in done.err
    assert git(project.folder, "tag") == git(bare, "tag") == ""
    assert "tag" not in read(project)["repositories"][str(project.folder)]


def test_a_dirty_repository_gets_no_tag(project, fit, fork, git):
    bare = fork(project.folder)
    change(project)
    assert fit(*TAG).code == 2
    assert git(project.folder, "tag") == git(bare, "tag") == ""


def test_a_tag_without_remote_or_repository_is_refused_before_anything_is_read(project, fit, sample):
    sample.file("train").unlink()
    done = fit(*TAG)
    assert done.code == 2
    assert "--tag_remote: there is no remote 'origin'" in done.err
    shutil.rmtree(sample.folder / ".git")
    done = fit(*TAG)
    assert done.code == 2
    assert "--tag: no configuration file of this run lies in a git repository" in done.err


def test_going_on_with_a_tag_keeps_it_and_other_code_is_refused(project, fit, fork, git, commit):
    bare = fork(project.folder)
    assert fit(*TAG).code == 0
    before = git(bare, "rev-parse", "tiny_1")
    done = fit(*TAG, "--resume")
    assert done.code == 0, done.err
    assert git(bare, "rev-parse", "tiny_1") == before
    change(project)
    commit(project.folder, "tiny.yaml")
    done = fit(*TAG, "--resume")
    assert done.code == 2
    assert "names another commit" in done.err


def test_what_the_record_says(sample, fit):
    done = fit("-f", "--log_suffix", "1", "--model.tasks.vertexing", "null")
    assert done.code == 0, done.err
    told = read(sample)
    assert told["started"] <= told["ended"]
    assert (told["outcome"], told["exit_status"], told["seed"]) == ("finished", 0, 42)
    assert shlex.split(told["command"]) == sys.orig_argv
    assert told["folder"] == str(sample.folder)
    assert told["versions"]["salt-hep"] == __version__
    assert told["versions"]["torch"] == torch.__version__
    assert told["versions"]["numpy"] == np.__version__
    assert told["versions"]["cuda"] == torch.version.cuda
    assert told["devices"] == ["cpu"]
    names = {(plugin["kind"], plugin["name"]) for plugin in told["plugins"]}
    assert {("encoder", "gn2"), ("loss", "cross_entropy"), ("dataloader", "hdf5")} <= names
    assert ("task", "vertexing") not in names
    assert all(p["distribution"] == "salt-hep" and p["version"] == __version__ for p in told["plugins"])
    for name, rows in (("train", 100), ("val", 50)):
        path = sample.file(name)
        entry = {"path": str(path), "size": path.stat().st_size, "rows": rows}
        assert told["data"][f"{name}_file"] == [entry | {"crc32": checksum_of_ends(path)}]
    checkpoint = torch.load(sample.folder / "logs" / "tiny_1" / "ckpts" / "last.ckpt")
    moments = checkpoint["optimizer_states"][0]["state"].values()
    assert told["parameters"] == sum(moment["exp_avg"].numel() for moment in moments)


def test_a_failure_is_recorded(sample, fit):
    plugin = "from lightning.pytorch import Callback\nfrom salt_core import RunError, hookimpl\n"
    plugin += 'class Stop(Callback):\n    """Stops."""\n    def on_train_end(self, trainer, module):\n'
    plugin += (
        '        raise RunError("enough")\n@hookimpl\ndef salt_callbacks():\n    return {"stop": Stop}\n'
    )
    (sample.folder / "stop.py").write_text(plugin)
    words = ("-f", "--log_suffix", "1", "--plugins", "[stop.py]", "--trainer.callbacks.stop", "stop")
    assert fit(*words).code == 1
    told = read(sample)
    assert (told["outcome"], told["exit_status"]) == ("failed: enough", 1)
    local = [plugin for plugin in told["plugins"] if plugin["name"] == "stop"]
    assert local[0]["version"] == "local"
    done = fit(*words[:3], "--resume", "--trainer.callbacks.stop", "null")
    assert done.code == 0, done.err
    again = read(sample)
    (part,) = again.pop("continued")
    assert again == told
    assert part["outcome"] == "finished"
    assert part["resumed_from"]["step"] == 5


@pytest.mark.parametrize(
    ("number", "outcome", "status"),
    [(signal.SIGTERM, "interrupted: resumable", 85), (signal.SIGKILL, None, None)],
    ids=["stopped", "killed"],
)
def test_a_run_that_is_stopped_or_killed(sample, salt_process, monkeypatch, number, outcome, status):
    (sample.folder / "stop.py").write_text(STOPS)
    monkeypatch.setenv("STOP_BY", str(int(number)))
    words = ("-f", "--log_suffix", "1", "--plugins", "[stop.py]", "--trainer.callbacks.stop", "stop")
    done = salt_process("fit", "--config", sample.config, *words, cwd=sample.folder)
    assert done.code in (status, -number)
    told = read(sample)
    assert (told["outcome"], told["exit_status"]) == (outcome, status)
    assert (told["ended"] is None) == (outcome is None)


@pytest.fixture
def installed(tmp_path_factory):
    """Run ``salt`` as it is where it was installed by copying, on two processes."""
    packages = tmp_path_factory.mktemp("venv") / "site-packages"
    for package in (salt_core, salt_plugins):
        folder = Path(next(iter(package.__path__)))
        shutil.copytree(folder, packages / folder.name, ignore=shutil.ignore_patterns("__pycache__", "*.h5"))

    def run(*words: object, folder: Path):
        command = [sys.executable, "-m", "salt_core", *map(str, words)]
        environment = os.environ | {"PYTHONPATH": str(packages), "OMP_NUM_THREADS": "1"}
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, env=environment, timeout=120, check=False
        )

    return run


TWO = ("--trainer.devices", "2", "--trainer.strategy", "ddp", "--data.batch_size", "10")


def test_of_two_processes_one_looks_tags_and_records(sample, installed, commit, fork, git):
    (sample.folder / ".gitignore").write_text("*.h5\n")
    commit(sample.folder)
    bare = fork(sample.folder)
    done = installed("fit", "--config", "tiny.yaml", *TAG, *TWO, folder=sample.folder)
    assert done.returncode == 0, done.stderr
    assert git(bare, "tag") == "tiny_1"
    told = read(sample)
    assert told["devices"] == ["cpu", "cpu"]
    assert list(told["repositories"]) == [str(sample.folder)]
    assert told["command"].endswith("--data.batch_size 10")
    assert "continued" not in told


@pytest.mark.full
def test_a_refused_tag_ends_both_processes(sample, installed, commit, fork):
    (sample.folder / ".gitignore").write_text("*.h5\n")
    commit(sample.folder)
    fork(sample.folder, refuses=True)
    done = installed("fit", "--config", "tiny.yaml", *TAG, *TWO, folder=sample.folder)
    assert done.returncode == 1
    assert done.stderr.count("\nerror: ") == 1, done.stderr
    assert "was not taken by origin" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (sample.folder / "logs" / "tiny_1").exists()


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
