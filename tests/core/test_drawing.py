"""The manner of pictures."""

import matplotlib
import numpy as np
from matplotlib.font_manager import findfont

from salt_core.drawing import colour, confusion, paper_style, short, shown


def test_the_style_is_the_fields_and_ends_with_the_block():
    before = matplotlib.rcParams["font.sans-serif"], matplotlib.rcParams["xtick.direction"]
    with paper_style():
        assert matplotlib.rcParams["font.sans-serif"][0] == "TeX Gyre Heros"
        assert matplotlib.rcParams["xtick.direction"] == "in"
    assert (matplotlib.rcParams["font.sans-serif"], matplotlib.rcParams["xtick.direction"]) == before


def test_a_font_that_is_not_there_is_not_told_of(caplog):
    findfont("no such font")
    assert "no such font" in caplog.text
    caplog.clear()
    with paper_style():
        findfont("no such other font")
    assert caplog.text == ""


def test_classes_have_one_name_and_colour_everywhere():
    assert shown("cjets") == "$c$-jets"
    assert shown("strange") == "strange"
    assert short("strange") == r"\mathrm{strange}"
    assert colour("bjets", 0) == colour("bjets", 5)
    assert colour("strange", 0) != colour("strange", 1)


def test_a_confusion_matrix_tells_each_share_that_there_is():
    figure = confusion(np.array([[0.75, 0.25], [np.nan, np.nan]]), ["bjets", "strange"], "flavour")
    panel = figure.axes[0]
    assert [text.get_text() for text in panel.texts] == ["0.75", "0.25"]
    assert [label.get_text() for label in panel.get_yticklabels()] == ["$b$-jets", "strange"]
    assert panel.get_ylabel() == "True flavour"
