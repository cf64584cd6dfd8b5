"""Checkpoint files: no byte of them changes or goes missing unnoticed, and they are written whole or not at all."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from salt_core.errors import DataError, RunError
from salt_core.training import archive
from salt_core.training.checkpoints import newest_checkpoint

ROOT = Path(__file__).parents[3]
CONTENT = {"state_dict": {"weight": torch.arange(6.0).reshape(2, 3)}, "epoch": 3, "text": "name: x"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> bytes:
    """The bytes of a small checkpoint."""
    path = tmp_path_factory.mktemp("whole") / "x.ckpt"
    archive.save(CONTENT, path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def scratch(tmp_path_factory) -> Path:
    """A file to write damaged checkpoints to."""
    return tmp_path_factory.mktemp("scratch") / "damaged.ckpt"


def refused(path: Path, content: bytes) -> None:
    """Check that a damaged file is refused by its name and not taken for a whole one."""
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"damaged\.ckpt") as told:
        archive.load(path, "--ckpt_path")
    assert str(told.value).startswith("--ckpt_path: the checkpoint ")
    assert "\n" not in str(told.value)
    assert "weights_only" not in str(told.value)  # torch advises to run what is in the file
    assert not archive.is_intact(path)


def flipped(content: bytes, offset: int, bit: int) -> bytes:
    return content[:offset] + bytes([content[offset] ^ (1 << bit)]) + content[offset + 1 :]


def test_what_is_saved_is_loaded(tmp_path):
    path = tmp_path / "ckpts" / "x.ckpt"
    archive.save(CONTENT, path)
    found = archive.load(path)
    assert torch.equal(found["state_dict"]["weight"], CONTENT["state_dict"]["weight"])
    assert (found["epoch"], found["text"]) == (3, "name: x")
    assert archive.is_intact(path)
    assert [file.name for file in path.parent.iterdir()] == ["x.ckpt"]


def test_other_programs_read_a_sealed_file(tmp_path):
    path = tmp_path / "x.ckpt"
    archive.save(CONTENT, path)
    for options in ({}, {"mmap": True}):
        weight = torch.load(path, weights_only=True, **options)["state_dict"]["weight"]
        assert torch.equal(weight, CONTENT["state_dict"]["weight"])


def test_a_checkpoint_of_another_program_is_read_without_a_seal(tmp_path):
    path = tmp_path / "x.ckpt"
    torch.save(CONTENT, path)
    assert archive.load(path)["epoch"] == 3
    assert not archive.is_intact(path)


@settings(max_examples=200, deadline=None)
@given(data=st.data(), bit=st.integers(0, 7))
def test_one_flipped_bit_is_noticed(whole, scratch, data, bit):
    offset = data.draw(st.integers(0, len(whole) - 1))
    refused(scratch, flipped(whole, offset, bit))


@pytest.mark.parametrize("place", ["weights", "seal"])
def test_a_flipped_bit_in_the_weights_and_in_each_byte_of_the_seal(whole, scratch, place):
    """The weights are where torch itself notices nothing."""
    if place == "weights":
        start = whole.index(CONTENT["state_dict"]["weight"].numpy().tobytes())
        places = range(start, start + 24)
        scratch.write_bytes(flipped(whole, start + 10, 3))
        torch.load(scratch, weights_only=True)
    else:
        places = range(len(whole) - archive.END_SIZE - archive.SEAL_SIZE, len(whole))
    for offset in places:
        for bit in range(8):
            refused(scratch, flipped(whole, offset, bit))


def test_a_flipped_byte_anywhere(whole, scratch):
    for offset in range(len(whole)):
        refused(scratch, flipped(whole, offset, offset % 8))
        refused(scratch, whole[:offset] + bytes([whole[offset] ^ 0xFF]) + whole[offset + 1 :])


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_file_cut_short_is_noticed(whole, scratch, data):
    refused(scratch, whole[: data.draw(st.integers(0, len(whole) - 1))])


def test_a_file_cut_short_near_its_end_is_noticed(whole, scratch):
    for missing in range(1, 100):
        refused(scratch, whole[:-missing])


def test_a_file_cut_short_anywhere(whole, scratch):
    for length in range(len(whole)):
        refused(scratch, whole[:length])


@pytest.mark.parametrize("content", [b"", b"PK", b"name: x\n", bytes(100), b"\x89HDF\r\n\x1a\n" * 20])
def test_files_that_are_something_else(scratch, content):
    refused(scratch, content)


def test_bytes_at_the_end_are_noticed(whole, scratch):
    scratch.write_bytes(whole + b"more")
    assert not archive.is_intact(scratch)


def test_the_newest_intact_one_is_taken(tmp_path, whole, caplog):
    (tmp_path / "ckpts").mkdir()
    for age, (name, content) in enumerate(
        {
            "last": flipped(whole, 400, 1),
            "epoch=001-step=0000009": whole[:-1],
            "epoch=001-step=0000008": whole,
            "epoch=000-val_loss=1.00000": whole,
        }.items()
    ):
        path = tmp_path / "ckpts" / f"{name}.ckpt"
        path.write_bytes(content)
        os.utime(path, ns=(10**18 - age, 10**18 - age))
    with caplog.at_level("WARNING", "salt"):
        assert newest_checkpoint(tmp_path).stem == "epoch=001-step=0000008"
    assert [record.getMessage().split(" is damaged")[0].rpartition("/")[2] for record in caplog.records] == [
        "last.ckpt",
        "epoch=001-step=0000009.ckpt",
    ]


class Stubborn:
    """Content that cannot be written."""

    def __reduce__(self):
        raise RuntimeError("no")


@pytest.mark.parametrize("fault", ["content", "disk"])
def test_what_was_there_stays_where_writing_fails(tmp_path, monkeypatch, fault):
    path = tmp_path / "x.ckpt"
    archive.save(CONTENT, path)
    before = path.read_bytes()
    if fault == "content":
        with pytest.raises(RuntimeError, match="no"):
            archive.save({"x": Stubborn()}, path)
    else:

        def full(self, content):
            self.touch()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(Path, "write_bytes", full)
        with pytest.raises(
            RunError, match=r"x\.ckpt of .*B cannot be written: No space left.*B are free"
        ) as told:
            archive.save({"epoch": 4}, path)
        assert told.value.exit_code == 1
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "ckpts").write_text("a file")
    with pytest.raises(RunError, match=r"ckpts/x\.ckpt of .* cannot be written: "):
        archive.save(CONTENT, tmp_path / "ckpts" / "x.ckpt")


LIMIT = 20_000  # more than the files of a run but its checkpoints have

WRITER = """
import os, signal, sys
from pathlib import Path
import torch
from salt_core.training import archive

path = Path(sys.argv[1])
archive.save({"epoch": 1}, path)
write = Path.write_bytes
def half(self, content):
    write(self, content[: len(content) // 2])
    os.kill(os.getpid(), signal.SIGKILL)
Path.write_bytes = half
archive.save({"epoch": 2}, path)
"""


def test_a_kill_while_a_checkpoint_is_written_leaves_the_old_one(tmp_path):
    path = tmp_path / "x.ckpt"
    done = subprocess.run(
        [sys.executable, "-c", WRITER, path], env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert archive.load(path) == {"epoch": 1}
    assert newest_of(path.parent) == [path]


def newest_of(folder: Path) -> list[Path]:
    """List what counts as a checkpoint: half of one does not."""
    return sorted(folder.glob("*.ckpt"))


def test_a_full_disk_ends_a_training_with_one_message(sample):
    """The limit of a file's size is what a test can have of a full disk."""
    command = [sys.executable, "-m", "salt_core", "fit", "--config", "tiny.yaml", "-f", "--log_suffix", "b"]
    done = subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        cwd=sample.folder,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT)),
    )
    assert done.returncode == 1, done.stderr
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "tiny_b/ckpts/epoch=000-val_loss=" in error
    assert "cannot be written: File too large" in error
    assert "Traceback" not in done.stderr
    assert not list((sample.folder / "logs" / "tiny_b" / "ckpts").glob("*"))
