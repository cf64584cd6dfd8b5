"""``salt plugins new``: packages of every kind that work as they are, and what it refuses."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from salt_core.authoring.names import PARTS, Names
from salt_core.authoring.package import TRAINING, Package, write
from salt_core.kinds import KINDS

ROOT = Path(__file__).parents[3]
PROGRAMS = Path(sys.executable).parent
NAMES = [kind.name for kind in KINDS]
TRAINED = sorted(kind for kind in NAMES if kind not in ("batch", "command"))


def call(*words: object, cwd: Path, python_path: str = "") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": python_path, "OMP_NUM_THREADS": "1"}
    environment["PATH"] = f"{PROGRAMS}{os.pathsep}{environment['PATH']}"
    command = list(map(str, words))
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_every_kind_has_a_package(packages):
    assert list(PARTS) == NAMES
    for kind, folder in packages.items():
        files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        assert files == {
            "README.md",
            "pyproject.toml",
            *(["train.yaml"] if kind in TRAINED else []),
            f"salt_plugin_my_{kind}/__init__.py",
            f"salt_plugin_my_{kind}/{PARTS[kind][0]}.py",
            f"salt_plugin_my_{kind}/py.typed",
            f"tests/test_my_{kind}.py",
        }


def test_the_code_is_clean(packages):
    folder = packages["task"].parent
    for words in (("check",), ("format", "--check")):
        done = call("ruff", *words, "--no-cache", ".", cwd=folder)
        assert done.returncode == 0, done.stdout


@pytest.mark.full
def test_the_code_is_typed(packages, tmp_path, monkeypatch):
    folders = [folder / f"salt_plugin_my_{kind}" for kind, folder in packages.items()]
    settings = ("--strict", "--config-file", packages["command"] / "pyproject.toml")
    # Salt is found as its sources here, whose own types are looked at elsewhere.
    monkeypatch.setenv("MYPYPATH", str(ROOT))
    done = call("mypy", *settings, "--follow-imports", "silent", *folders, cwd=tmp_path)
    assert done.returncode == 0, done.stdout


def test_the_tests_pass(installed, tmp_path, capfd):
    """In this process, which has PyTorch already; that of each package alone is below."""
    folders = [str(folder / "tests") for folder in installed.values()]
    options = [
        "-q",
        "--import-mode=importlib",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        f"--rootdir={tmp_path}",
    ]
    ended = pytest.main([*options, *folders])
    said = capfd.readouterr().out
    assert ended == pytest.ExitCode.OK, said
    assert int(re.search(r"(\d+) passed", said)[1]) >= 3 * len(NAMES)


def test_every_plugin_is_listed_and_explained(installed, salt):
    listing = salt("plugins", "list").out
    for kind in NAMES:
        name = Names.of(kind, f"my-{kind}").name
        (line,) = [line for line in listing.splitlines() if f" {name} " in line]
        assert line.split()[0] == kind
        assert line.endswith("ok")
        shown = salt("plugins", "show", kind, name)
        assert shown.code == 0, shown.err


def test_all_of_them_train_together(installed, salt, tmp_path, monkeypatch, the_run):
    monkeypatch.chdir(tmp_path)
    files = ["GN2.yaml", "demo.yaml", *(installed[kind] / "train.yaml" for kind in TRAINED)]
    configs = [word for file in files for word in ("--config", file)]
    few = ("--data.num_train", 400, "--data.num_val", 200, "--data.batch_size", 20, "--trainer.max_epochs", 1)
    done = salt("fit", *configs, *few, "--trainer.callbacks.loss_curves", "null", "--force")
    assert done.code == 0, done.err
    run = the_run(tmp_path)
    heading = (run / "metrics.csv").read_text().splitlines()[0].split(",")
    assert {"my_callback", "val/my_task_loss"} <= set(heading)
    assert "val/loss" in (run / "my_logger.jsonl").read_text()


@pytest.mark.full
@pytest.mark.parametrize("kind", NAMES)
def test_what_the_readme_says_works(packages, kind, tmp_path):
    """Install it as an author would, but for the network, and do as the README says."""
    folder = packages[kind]
    (code,) = re.findall(r"^```bash\n(.*?)^```", (folder / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    install, *lines = code.splitlines()
    assert install == "pip install --editable '.[test]'"
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--target", tmp_path / "site"]
    done = call(sys.executable, "-m", "pip", "install", *options, folder, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for line in lines:
        # The working tree under test, where salt is installed from, may hold uncommitted changes.
        forced = line.replace("salt fit", "salt fit --force")
        done = call(*shlex.split(forced), cwd=folder, python_path=str(tmp_path / "site"))
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    if kind in TRAINED:
        assert lines[-1] == TRAINING
        assert len(list(folder.glob("logs/*/ckpts/*.ckpt"))) >= 2
    else:
        assert {"batch": "#PBS -q gpu", "command": "Count the jets of an HDF5 file."}[kind] in done.stdout


def test_the_readme_has_the_yaml(packages):
    for kind in TRAINED:
        assert (packages[kind] / "train.yaml").read_text() in (packages[kind] / "README.md").read_text()


def test_what_is_written_is_told(salt, tmp_path):
    done = salt("plugins", "new", "jet-charge", "--kind", "task", "--out", tmp_path / "mine")
    folder = tmp_path / "mine" / "salt-plugin-jet-charge"
    assert (done.code, done.err) == (0, "")
    assert f"cd {folder}\n  pip install --editable '.[test]'\n  pytest\n" in done.out
    assert all(str(path.relative_to(folder)) in done.out for path in folder.rglob("*") if path.is_file())
    assert list(folder.parent.iterdir()) == [folder]
    hook = (folder / "salt_plugin_jet_charge" / "__init__.py").read_text()
    assert '{"jet_charge": "salt_plugin_jet_charge.head:JetChargeHead"}' in hook


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("Charge", "task"), "NAME: 'Charge' is no name for a plugin"),
        (("2charge", "task"), "NAME: '2charge' is no name for a plugin"),
        (("jet--charge", "task"), "NAME: 'jet--charge' is no name for a plugin"),
        (("../charge", "task"), "NAME: '../charge' is no name for a plugin"),
        (("", "task"), "NAME: '' is no name for a plugin"),
        (("c" * 41, "task"), "is no name for a plugin"),
        (("charge", "tsk"), "there is no kind of plugin 'tsk': did you mean 'task'? Choices: augmentation,"),
        (("gn2", "encoder"), "NAME: salt-hep {version} offers the encoder 'gn2' already"),
        (("fit", "command"), "NAME: 'fit' is a command of salt itself"),
    ],
    ids=lambda value: value[0][:12] if isinstance(value, tuple) else "",
)
def test_a_wrong_word_is_one_message_and_nothing_is_written(salt, tmp_path, monkeypatch, words, message):
    from salt_core.version import __version__

    monkeypatch.chdir(tmp_path)
    done = salt("plugins", "new", words[0], "--kind", words[1])
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert message.format(version=__version__) in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_missing_kind_is_one_message(salt):
    done = salt("plugins", "new", "charge")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "Missing option '--kind'" in done.err


def test_a_name_that_is_installed_is_refused(installed, salt, tmp_path):
    done = salt("plugins", "new", "my-task", "--kind", "task", "--out", tmp_path / "mine")
    assert done.code == 2
    assert "salt-plugin-my-task 0.1.0 offers the task 'my_task' already" in done.err
    done = salt("plugins", "new", "my-task", "--kind", "loss", "--out", tmp_path / "mine")
    assert done.code == 2
    assert "salt-plugin-my-task 0.1.0 is installed already" in done.err
    assert not (tmp_path / "mine").exists()


def test_a_folder_that_is_there_stays_as_it_is(salt, tmp_path):
    folder = tmp_path / "salt-plugin-charge"
    folder.mkdir()
    done = salt("plugins", "new", "charge", "--kind", "task", "--out", tmp_path)
    assert (done.code, done.err) == (
        2,
        f"error: {folder} is there already, and nothing was written; remove it or choose another place\n",
    )
    assert (list(tmp_path.iterdir()), list(folder.iterdir())) == ([folder], [])


def test_a_place_that_cannot_be_written_is_one_message(salt, tmp_path):
    (tmp_path / "file").touch()
    done = salt("plugins", "new", "charge", "--kind", "task", "--out", tmp_path / "file" / "below")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "cannot be written: Not a directory" in done.err


def test_a_package_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    monkeypatch.setattr(Package, "files", lambda self: {"README.md": "text", "bad": "\ud800"})
    with pytest.raises(UnicodeEncodeError):
        write(Package(Names.of("task", "charge")), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        (
            "task",
            "jet_charge",
            ("jet_charge", "salt-plugin-jet-charge", "salt_plugin_jet_charge", "JetChargeHead"),
        ),
        ("loss", "l2", ("l2", "salt-plugin-l2", "salt_plugin_l2", "L2Loss")),
        ("loss", "salt-plugin-l2", ("l2", "salt-plugin-l2", "salt_plugin_l2", "L2Loss")),
        ("logger", "run", ("run", "salt-plugin-run", "salt_plugin_run", "RunTracker")),
        (
            "command",
            "count_jets",
            ("count-jets", "salt-plugin-count-jets", "salt_plugin_count_jets", "command"),
        ),
    ],
)
def test_names_follow_from_one(kind, name, expected):
    names = Names.of(kind, name)
    assert (names.name, names.distribution, names.package, names.attribute) == expected
