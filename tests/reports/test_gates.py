"""Each gate stops what it is for, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from retention.errors import ProjectError
from retention.reports.articles import Article
from retention.reports.collection import AnswerRecord, Collected
from retention.reports.gates import (
    check_numbers,
    check_pages,
    check_personal,
    find_personal,
    size_limit,
)

POLICY = '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'">'


def faults(gates) -> dict[str, tuple[str, ...]]:
    return {gate.name: gate.faults for gate in gates if not gate.passed}


@pytest.mark.parametrize(
    "part",
    [
        '<img alt="a" src="https://example.org/a.png">',
        '<img alt="a" src="//example.org/a.png">',
        '<img alt="a" src="a.png">',
        '<img alt="a" srcset="a.png 2x" src="data:image/png;base64,AA">',
        '<a href="https://example.org">a</a>',
        '<a href="javascript:alert(1)">a</a>',
        '<a href="//example.org">a</a>',
        '<p onclick="alert(1)">a</p>',
        "<script>alert(1)</script>",
        "<iframe></iframe>",
        '<link rel="stylesheet" href="a.css">',
        "<style>p { background: url(https://example.org/a.png) }</style>",
        "<style>@import 'a.css';</style>",
        '<p style="background: url(a.png)">a</p>',
        "<form></form>",
    ],
)
def test_what_is_remote_or_active_is_stopped(part):
    found = faults(check_pages({"a.html": POLICY + part}, 10_000))
    assert list(found) == ["nothing remote or active"], part
    assert found["nothing remote or active"][0].startswith("a.html: <")


@pytest.mark.parametrize(
    "part",
    [
        '<img alt="a" src="data:image/png;base64,AA">',
        '<a href="#part">a</a> <a href="retention_curve.html">b</a> <a href="tables/a.csv">c</a>',
        '<p style="text-align:right">https://example.org</p>',
        '<svg role="img" aria-label="a"></svg>',
    ],
)
def test_what_is_harmless_passes(part):
    assert faults(check_pages({"a.html": POLICY + part}, 10_000)) == {}


def test_policy_words_and_weight_are_wanted():
    image = '<img src="data:image/png;base64,AA" alt=" ">'
    found = faults(check_pages({"a.html": image + "x" * 10_000}, 10_000))
    assert found["nothing remote or active"] == ("a.html: no content security policy",)
    assert found["words for every picture"] == ("a.html: img without words",)
    assert "at most 10,000" in found["size"][0]


@pytest.mark.parametrize("given", ["2", True, 0, -1, float("nan")])
def test_a_limit_is_a_number_of_megabytes(given):
    assert size_limit({}) == 2_000_000
    assert size_limit({"max_register_mb": 0.5}, "max_register_mb") == 500_000
    with pytest.raises(ProjectError, match="max_size_mb must be a number of megabytes"):
        size_limit({"max_size_mb": given})


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("write to jo.doe+x@mail.example.com now", "e-mail address"),
        ("call +49 30 1234567", "telephone number"),
        ("call +1 (555) 867-5309", "telephone number"),
        ("call 555-867-5309", "telephone number"),
        ("电话 13812345678", "telephone number"),
        ("Tel. 030/1234567", "telephone number"),
        ("number 11010519491231002X", "identity number"),
        ("number 078-05-1120", "identity number"),
        ("account DE89 3704 0044 0532 0130 00", "bank account"),
        ("card 4111 1111 1111 1111", "card number"),
    ],
)
def test_personal_data_are_found(text, kind):
    assert kind in {found for found, _ in find_personal(text)}


@pytest.mark.parametrize(
    "text",
    [
        "1,234,567.89 EUR; 0.123456789012; 13812345678.5; -13812345678",
        "2026-10-31 to 2026-11-30, 2026-10",
        "n 1,200, 120 events; 95 % interval 0.1 to 0.2",
        "customer_id,recency\nC0001,1234567890\n",
        "sha256 de5f18a155d05614d474d4e0844fc327a8ef54bfc83366d7dabc7b7e47c62af4",
        "number 110105194912310021",  # wrong check digit
        "order 4111111111111112",  # fails Luhn's test
        "account DE88370400440532013000",
        "doi 10.1002/dir.20074, pages 76-90, 21(1)",
        "123456789,0.5,7",
    ],
)
def test_numbers_are_not_taken_for_persons(text):
    assert list(find_personal(text)) == []


def test_a_fault_does_not_repeat_the_person():
    gate = check_personal(
        {
            "a.html": '<style>x@y.example.com</style><img alt="jo@example.com"><p>a</p>',
            "tables/a.csv": "c1,+49 30 1234567\n",
        }
    )
    assert gate.faults == (
        "a.html: e-mail address jo…om",
        "tables/a.csv: telephone number +4…67",
    )


def collected(estimates, headline="80 % stayed", key_figures=None, others=()) -> Collected:
    article = Article(
        name="stayed", path=Path("stayed.ipynb"), title="a", question="b?",
        key_figures=key_figures or {}, not_customers=frozenset(others),
    )  # fmt: skip
    answer = AnswerRecord(
        article="stayed", name="toy", headline=headline, cautions=(), estimates=estimates
    )
    return Collected(article=article, notebook=None, answers=(answer,), tables=(), pictures=0)


GOOD = {
    "value": 0.8, "low": 0.7, "high": 0.9, "level": 0.95, "unit": "share", "n": 100,
    "events": 20, "method": "count", "grade": "D", "why": "",
}  # fmt: skip


def test_sound_numbers_pass():
    withheld = GOOD | {"value": None, "low": None, "high": None, "n": 3, "why": "too few"}
    part = collected({"stayed": GOOD, "left": withheld}, key_figures={"stayed": "higher"})
    assert faults(check_numbers([part], 20)) == {}


@pytest.mark.parametrize(
    ("change", "name", "text"),
    [
        ({"low": 0.85}, "numbers finite and in order", "outside its interval"),
        ({"value": float("nan")}, "numbers finite and in order", "not finite"),
        ({"high": float("inf")}, "numbers finite and in order", "not finite"),
        ({"grade": "Z"}, "numbers finite and in order", "grade"),
        ({"n": 19}, "no small cells", "n 19, fewer than 20"),
    ],
)
def test_unsound_numbers_are_stopped(change, name, text):
    found = faults(check_numbers([collected({"stayed": GOOD | change})], 20))
    assert list(found) == [name]
    assert text in found[name][0]
    assert found[name][0].startswith("stayed: toy: stayed")


def test_a_count_of_firms_is_no_small_cell():
    part = collected({"stayed": GOOD | {"n": 4}}, others=["stayed"])
    assert faults(check_numbers([part], 20)) == {}


def test_what_must_be_there_must_be_there():
    part = collected({"stayed": GOOD}, headline="nan % stayed", key_figures={"left": "lower"})
    assert faults(check_numbers([part], 20)) == {
        "required numbers present": ("stayed: left",),
        "headlines say something": ("stayed: toy: 'nan % stayed'",),
    }


@pytest.mark.parametrize(
    ("headline", "says_nothing"),
    [
        ("", True),
        ("None % stayed", True),
        ("stayed: None", True),
        ("None of 3 programmes surely earns more than it costs", False),
    ],
)
def test_a_headline_says_something(headline, says_nothing):
    found = faults(check_numbers([collected({"stayed": GOOD}, headline=headline)], 20))
    assert ("headlines say something" in found) is says_nothing
