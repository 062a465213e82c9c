"""Sentences in Chinese: templates are matched, what came from data is left alone."""

from __future__ import annotations

import pytest

from retention.errors import ProjectError
from retention.wording import Phrases, foreign_words, phrases_in

OWN = {
    "texts": {
        "{1} of {2} customers left within {3}": "{3}内 {2} 位客户中有 {1} 位离开",
        "the bond {1} is held by {2}": "{2}拥有纽带“{1}”",
        "{1} and {2}": "{1}和{2}",
        "staff": "员工",
        "{1} needs the table {2}": "{1}需要数据表「{2}」",
        "; {1} are left out": "；略去 {1}",
        "Who stays?": "谁留下？",
    },
    "units": {"months": "个月", "customer": "客户", "EUR per year": "EUR/年"},
    "paragraphs": {"What $S(t)$ is: the **share** still here.": "$S(t)$ 是仍在的**比例**。"},
    "keep": {"words": ["Kaplan-Meier"]},
}


@pytest.fixture(scope="module")
def phrases():
    return Phrases("xx", OWN)


def test_english_stays_byte_for_byte():
    english = phrases_in("en")
    for text in ("Who stays? 12.0 % of 3", "| a | b |\n", ""):
        assert english(text) == english.markdown(text) == english.unit(text) == text


def test_holes_are_filled_in_the_other_order_and_translated_in_turn(phrases):
    said = phrases("3 of 1,200 customers left within 12 months.")
    assert said == "12 个月内 1,200 位客户中有 3 位离开。"


def test_a_value_of_the_data_passes_untouched_even_with_a_capital(phrases):
    assert phrases("The bond North is held by staff and Ann") == "员工和Ann拥有纽带“North”"


def test_a_text_that_nobody_knows_stays_whole(phrases):
    text = "Nobody translated this sentence of the analysis."
    assert phrases(text) == text
    assert phrases.left(text)


def test_what_stands_in_corner_brackets_is_code(phrases):
    assert phrases("Staff needs the table staff; 3 are left out") == (
        "员工需要数据表「staff」；略去 3"
    )


def test_sentences_are_translated_one_by_one(phrases):
    assert phrases("Who stays? 1 of 2 customers left within 3 months.") == (
        "谁留下？3 个月内 2 位客户中有 1 位离开。"
    )


def test_markdown_is_looked_up_block_by_block(phrases):
    source = "# Who stays?\n\nWhat $S(t)$ is: the **share**\nstill here.\n\n$$x$$"
    assert phrases.markdown(source) == "# 谁留下？\n\n$S(t)$ 是仍在的**比例**。\n\n$$x$$"


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        (
            "84.3 % (95 % interval 83.4 to 85.2 %; n 7,043, 1,869 events; grade D)",
            "84.3%（95% 置信区间 83.4 至 85.2%；样本量 7,043，事件 1,869；等级 D）",
        ),
        ("12.0 EUR per customer", "12.0 EUR/客户"),
        ("12.0 EUR per case", "12.0 EUR/件"),
        ("October 2026", "2026年10月"),
        ("36 months", "36 个月"),
        ("2026-10-31", "2026-10-31"),
        ("C00123", "C00123"),
    ],
)
def test_chinese_numbers_intervals_and_dates(english, chinese):
    assert phrases_in("zh")(english) == chinese


def test_a_day_in_a_sentence_does_not_change_the_same_day_in_a_cell():
    sentence = "400 customers as known at the end of 2026-05-31; money in EUR."
    assert "2026年5月31日" in phrases_in("zh")(sentence)
    assert phrases_in("zh")("2026-05-31") == "2026-05-31"


def test_words_that_are_left_are_named_and_names_are_not():
    assert foreign_words("按 NPS 分组 of `customer_id` C00123 $x$") == ["of"]
    assert foreign_words("Kaplan-Meier 估计", frozenset({"Kaplan", "Meier"})) == []


def test_a_project_has_words_of_its_own(tmp_path):
    (tmp_path / "words.zh.toml").write_text('[texts]\n"gold plan" = "黄金套餐"\n', encoding="utf-8")
    assert phrases_in("zh", tmp_path)("gold plan") == "黄金套餐"
    assert phrases_in("zh", tmp_path / "elsewhere")("gold plan") == "gold plan"
    (tmp_path / "words.zh.toml").write_text("[texts", encoding="utf-8")
    with pytest.raises(ProjectError, match=r"words\.zh\.toml"):
        phrases_in("zh", tmp_path)
