"""A figure in another language: words are exchanged, numbers and data stay."""

from __future__ import annotations

import base64

import matplotlib.pyplot as plt
import pytest

from retention.exhibits import describe, new_axes
from retention.exhibits.languages import asked_languages, translate_figure
from retention.exhibits.mime import FIGURES_MIME, LANGUAGES
from retention.exhibits.showing import _figure_bundle
from retention.wording import Phrases

OWN = {
    "texts": {
        "share retained": "留存比例",
        "business": "企业客户",
        "at risk": "处于风险中",
        "{1} customers": "{1} 位客户",
    }
}


@pytest.fixture
def ax():
    ax = new_axes(height=2.0)
    ax.barh(["business", "Ann & Co"], [0.5, 1.0], label="at risk")
    ax.set_title("share retained,\n1,200 customers")
    ax.set_xlabel("share retained")
    ax.legend()
    describe(ax, alt="A bar.")
    yield ax
    plt.close("all")


def test_titles_axes_ticks_and_legends_are_exchanged(ax):
    seen = translate_figure(ax.figure, Phrases("xx", OWN))
    ax.figure.canvas.draw()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["企业客户", "Ann & Co"]
    assert ax.get_xlabel() == "留存比例"
    assert ax.get_legend().get_texts()[0].get_text() == "处于风险中"
    assert ax.get_title(loc="left").replace("\n", "") == "留存比例、1,200 位客户"
    assert ax.get_title(loc="left").count("\n") == 1  # as many lines as it had
    assert "0.4" in seen  # ticks are written when the figure is drawn


def test_show_draws_twice_only_when_asked(ax, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(LANGUAGES, raising=False)
    assert asked_languages() == ()
    monkeypatch.setenv(LANGUAGES, "zh")
    data, _ = _figure_bundle(ax, "")
    picture = data[FIGURES_MIME]["zh"]
    assert base64.b64decode(picture["image/png"])[:4] == b"\x89PNG"
    assert picture["image/png"] != data["image/png"]
    assert picture["left"] == ["Ann & Co"]  # a name; words.zh.toml may know it


def test_a_projects_own_words_stand_in_figures(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(LANGUAGES, "en,zh")
    (tmp_path / "words.zh.toml").write_text('[texts]\n"Ann & Co" = "安记"\n', encoding="utf-8")
    (phrases,) = asked_languages()
    assert phrases("Ann & Co") == "安记"
