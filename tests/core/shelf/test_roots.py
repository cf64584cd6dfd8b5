"""Shelves that are remembered."""

from __future__ import annotations

from shelves import is_whole, make

from salt_core.shelf import Shelf, known_roots, state_folder


def test_shelves_are_known_until_they_are_gone(root, state):
    Shelf(root, keep=True)
    lease = Shelf(root.with_name("other"), keep=False).take("jets", make)
    assert known_roots() == [root.with_name("other"), root]
    lease.release()
    assert known_roots() == [root]
    assert len(list((state / "shelves").iterdir())) == 1


def test_a_state_folder_that_cannot_be_written_is_no_error(root, state):
    state.touch()
    with Shelf(root, keep=True).take("jets", make) as lease:
        assert is_whole(lease.path)
    assert known_roots() == []


def test_the_state_folder_is_the_machine_s_own(monkeypatch, tmp_path):
    monkeypatch.setattr("socket.gethostname", lambda: "node7")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_folder() == tmp_path / "state"
    monkeypatch.delenv("SALT_STATE_DIR")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert state_folder() == tmp_path / "xdg" / "salt-hep" / "node7"
    monkeypatch.delenv("XDG_STATE_HOME")
    assert state_folder() == tmp_path / ".local" / "state" / "salt-hep" / "node7"
