"""Pages in a second language: the same numbers in other words, beside the first."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from retention.exhibits import ANSWER_MIME, FIGURES_MIME, TABLE_MIME
from retention.project import Project
from retention.reports import Order, rebuild_index
from retention.reports.articles import Article
from retention.reports.collection import AnswerRecord, Collected, TableRecord
from retention.reports.running import run_report
from retention.reports.translating import beside, english_left, in_language, named_for
from retention.window import Period
from retention.wording import Phrases, phrases_in

OWN = {
    "texts": {
        "Stayed": "留下",
        "Who stays?": "谁留下？",
        "{1} of customers stayed ({2})": "{1} 的客户留下（{2}）",
        "A toy": "玩具",
        "customers left": "离开的客户",
        "why": "原因",
        "price": "价格",
        "A bar": "一根柱",
    },
    "units": {"EUR per customer": "EUR/客户"},
    "paragraphs": {"Some *text*.": "一段文字。"},
}
ESTIMATE = {
    "value": 0.8, "low": 0.7, "high": 0.9, "level": 0.95, "unit": "share", "n": 1200,
    "events": None, "method": "A toy", "grade": "D", "why": "",
}  # fmt: skip
RECORD = {
    "name": "toy",
    "headline": "80 % of customers stayed (n 1,200).",
    "cautions": ["A toy."],
    "order": ["stayed"],
    "estimates": {"stayed": ESTIMATE, "worth": ESTIMATE | {"unit": "EUR per customer"}},
}


def output(data, **metadata):
    return nbformat.v4.new_output("display_data", data=data, metadata=metadata)


@pytest.fixture
def part():
    notebook = nbformat.v4.new_notebook()
    cell = nbformat.v4.new_code_cell("show(...)")
    html = '<div class="table"><table><caption>why</caption><tbody><tr><td>price</td><td>Ann</td>'
    cell.outputs = [
        output({"text/plain": "", ANSWER_MIME: RECORD}),
        output({"text/html": f"{html}</tr></tbody></table></div>", TABLE_MIME: {"name": "t"}}),
        output(
            {"image/png": "old", FIGURES_MIME: {"xx": {"image/png": "new", "left": ["Axis"]}}},
            **{"image/png": {"alt": "A bar.", "caption": ""}},
        ),
    ]
    notebook.cells = [nbformat.v4.new_markdown_cell("# Who stays?\n\nSome *text*."), cell]
    article = Article(
        name="a", path=Path("a.ipynb"), title="Stayed", question="Who stays?",
        labels={"stayed": "customers left"},
    )  # fmt: skip
    answers = (AnswerRecord(article="a", name="toy", headline=RECORD["headline"],
                            cautions=("A toy.",), estimates=RECORD["estimates"]),)  # fmt: skip
    tables = (TableRecord(article="a", path="tables/t.csv", caption="why", csv="why,n\nprice,7\n"),)
    return Collected(article=article, notebook=notebook, answers=answers, tables=tables, pictures=1)


def test_english_is_what_it_was(part):
    assert in_language(part, phrases_in("en")) is part


def test_words_are_exchanged_and_numbers_and_names_are_not(part):
    said = in_language(part, Phrases("xx", OWN))
    assert (said.article.title, said.article.question) == ("留下", "谁留下？")
    assert said.article.labels == {"stayed": "离开的客户"}
    assert said.answers[0].headline == "80% 的客户留下（n 1,200）。"
    assert said.answers[0].cautions == ("玩具。",)
    kept = said.answers[0].estimates
    assert kept["stayed"] == ESTIMATE | {"method": "玩具"}
    assert kept["worth"]["unit"] == "EUR/客户"
    assert said.tables[0].csv == "原因,n\n价格,7\n"
    assert said.tables[0].path == "tables/t.csv"
    text, code = said.notebook.cells
    assert text.source == "# 谁留下？\n\n一段文字。"
    answer, table, picture = code.outputs
    assert answer.data[ANSWER_MIME]["headline"] == "80% 的客户留下（n 1,200）。"
    assert "<caption>原因</caption>" in table.data["text/html"]
    assert "<td>价格</td><td>Ann</td>" in table.data["text/html"]
    assert picture.data["image/png"] == "new"
    assert picture.metadata["image/png"]["alt"] == "一根柱。"
    # the original is kept with the report
    assert part.notebook.cells[1].outputs[2].data["image/png"] == "old"
    assert part.notebook.cells[0].source.startswith("# Who stays?")


def test_what_is_left_in_english_is_named(part):
    html = '<p>留下 <b>Nobody said this</b></p><img alt="A picture"><code>code</code>'
    html += '<a hreflang="en">English</a>'
    data = {"columns": [], "questions": [{"title": "Who", "why": "原因"}]}
    register = f'<script id="data" type="application/json">{json.dumps(data)}</script>'
    left = english_left({"a.html": html, "c.html": register}, [part], Phrases("xx", OWN))
    assert left == [
        "a.html: Nobody said this",
        "a.html: A picture",
        "c.html: Who",
        "a.html, figure: Axis",
    ]
    assert english_left({}, [part], Phrases("yy"))[0].endswith("run the report again")


def test_pages_of_two_languages_lie_side_by_side_and_link_each_other():
    nav = '<nav class="noprint"></nav>'
    pages = {"index.html": f'{nav}<a href="a.html#x"></a><a href="a.html"></a><a href="t.csv">'}
    pages["a.html"] = f'{nav}<a href="index.html"></a><a href="../index.html"></a>'
    assert beside(pages, "en", ["en"]) == pages
    english, chinese = (beside(pages, lang, ["en", "zh"]) for lang in ("en", "zh"))
    assert chinese.keys() == {"index.zh.html", "a.zh.html"}
    assert 'href="a.zh.html"' in chinese["index.zh.html"]
    assert 'href="t.csv"' in chinese["index.zh.html"]
    assert 'href="../index.zh.html"' in chinese["a.zh.html"]
    assert '<a href="a.zh.html" lang="zh-CN" hreflang="zh-CN">中文</a>' in english["a.html"]
    assert '<a href="a.html" lang="en" hreflang="en">English</a>' in chinese["a.zh.html"]
    assert named_for("tables.xlsx", "zh", "en") == "tables.zh.xlsx"


def test_one_run_publishes_both_languages(project_dir, canned):
    project, october = Project.load(project_dir), Period.parse("2026-10")
    plain = run_report(project, october, Order()).page
    english = plain.read_bytes()
    order = Order(**Order.language_of("en,zh"))
    assert order.languages == ("en", "zh")
    page = run_report(project, october, order).page
    manifest = json.loads((page.parent / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["language"] == "en,zh"
    assert any("80% of the customers stayed" in text for text in manifest["in_english"]["zh"])
    link = b'<a href="index.zh.html" lang="zh-CN" hreflang="zh-CN">\xe4\xb8\xad\xe6\x96\x87</a> '
    assert page.read_bytes().replace(link, b"") == english
    chinese = (page.parent / "index.zh.html").read_text(encoding="utf-8")
    assert 'lang="zh-CN"' in chinese
    assert "2026年10月报告" in chinese
    assert 'href="stayed.zh.html"' in chinese
    assert (page.parent / "summary.zh.txt").exists()
    archive = rebuild_index(project, "en", "zh")
    assert archive.name == "index.html"
    assert "2026-10/index.zh.html" in archive.with_name("index.zh.html").read_text("utf-8")
    assert "2026-10/index.html" in archive.read_text("utf-8")
