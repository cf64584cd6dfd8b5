"""How files become layers."""

from __future__ import annotations

from salt_core.config.layers import file_layer, tree_of
from salt_core.config.merge import Layer


def test_a_file_is_a_layer_that_knows_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "one.yaml"
    file.write_text("data: {num_val: 80}\n")
    assert file_layer(file) == Layer({"data": {"num_val": 80}}, "one.yaml", tmp_path)


def test_later_files_go_on_top_of_earlier_ones(tmp_path):
    files = [tmp_path / "one.yaml", tmp_path / "two.yaml"]
    files[0].write_text("data: {num_val: 80, num_test: 90}\n")
    files[1].write_text("data: {num_val: 8}\n")
    assert tree_of(files) == {"data": {"num_val": 8, "num_test": 90}}
