"""What is looked at: folders of packages, and distributions that are installed."""

from __future__ import annotations

from salt_core.authoring.checking.project import project_subject, stand_in
from salt_core.authoring.checking.subject import installed_subjects, named_subject


def test_a_folder_is_read(package):
    folder = package({"planted/__init__.py": ""}, {"planted": "planted"})
    subject = project_subject(folder)
    assert subject.title == "salt-plugin-planted 0.3.0"
    assert subject.roots == (folder / "src",)
    assert subject.findings == ()


def test_a_package_may_lie_beside_its_pyproject(package):
    folder = package({}, {"planted": "planted"})
    (folder / "planted.py").touch()
    assert project_subject(folder).roots == (folder,)


def test_a_wrong_group_is_told(package):
    (finding,) = project_subject(package({}, {"planted": "planted"}, group="salt.plugins")).findings
    assert finding.message.startswith(
        "there is no entry point of the group 'salt'; they are in the group salt.plugins: add"
    )


def test_no_entry_point_is_told_and_no_name(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[project]\nversion = '1'\n")
    told = [str(finding) for finding in project_subject(tmp_path).findings]
    assert "there is no entry point of the group 'salt': add [project.entry-points.salt]" in told[0]
    assert "project.name: the package has no name" in told[1]


def test_a_stand_in_is_found_as_an_installed_one(package, tmp_path, monkeypatch):
    subject = project_subject(package({}, {"planted": "planted.hooks"}))
    monkeypatch.syspath_prepend(str(stand_in(subject, tmp_path / "site")))
    for name in ("salt-plugin-planted", "Salt_Plugin.planted", "planted"):
        found = named_subject(name)
        assert (found.title, found.entries) == ("salt-plugin-planted 0.3.0", {"planted": "planted.hooks"})
    assert "salt-plugin-planted 0.3.0" in [one.title for one in installed_subjects()]
    assert "salt-hep" not in [one.distribution for one in installed_subjects()]
