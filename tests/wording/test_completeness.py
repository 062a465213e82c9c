"""Nothing that a reader may find lacks its Chinese.

A text that is missing is printed as the line that the catalogue needs; docs/reports.md says where.
While sentences are being written some may wait for their Chinese (a report shows them in English
and says so); the slow test, which a release has to pass, lets none wait.
"""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import tomllib
from pathlib import Path

import pytest

from retention.wording import phrases_in, shape

_spec = importlib.util.spec_from_file_location(
    "sentences", Path(__file__).with_name("sentences.py")
)
assert _spec is not None
assert _spec.loader is not None
sentences = importlib.util.module_from_spec(_spec)
sys.modules["sentences"] = sentences
_spec.loader.exec_module(sentences)

WAITING = 0.1
CATALOGUE = sentences.SOURCE / "wording/zh"


def line(text: str) -> str:
    return f"{json.dumps(text, ensure_ascii=False)} = "


@pytest.fixture(scope="module")
def chinese():
    return phrases_in("zh")


def has_chinese(text: str, chinese) -> bool:
    """Whether a text, its holes filled with numbers, is said without an English word."""
    text = text.strip().replace("{}", "{1}")
    if shape(text) in chinese.texts or shape(text.rstrip(":")) in chinese.texts:
        return True
    return not chinese.left(chinese(re.sub(r"\{\d+\}", "7", text)))


def missing_sentences(chinese, found) -> list[str]:
    return [
        f"{path}:{number}: {line(text)}"
        for path, number, text in found
        if not has_chinese(text, chinese)
    ]


def missing_texts(chinese) -> list[str]:
    return [
        f"{notebook} ({kind}): {line(text)}"
        for notebook, kind, text in sentences.notebook_texts()
        if chinese.left(chinese.markdown(text) if kind == "paragraph" else chinese(text))
    ]


def test_sentences_of_analyses_and_exhibits_have_their_chinese(chinese):
    found = list(sentences.sentences())
    assert len(found) > 1500  # the reader of the source finds them
    missing = missing_sentences(chinese, found)
    assert len(missing) <= WAITING * len(found), "\n" + "\n".join(missing)


def test_texts_of_the_notebooks_have_their_chinese(chinese):
    found = list(sentences.notebook_texts())
    assert len(found) > 250
    missing = missing_texts(chinese)
    assert len(missing) <= WAITING * len(found), "\n" + "\n".join(missing)


@pytest.mark.slow
def test_nothing_at_all_waits_for_its_chinese(chinese):
    missing = missing_sentences(chinese, [*sentences.sentences(), *sentences.reasons()])
    missing += missing_texts(chinese) + missing_in_register(chinese)
    assert not missing, "\n" + "\n".join(missing)


def register_texts() -> list[str]:
    from retention.analyses import FIELDS, QUESTIONS

    texts = [text for field in FIELDS for text in (field.label, field.group, field.about)]
    texts += [text for question in QUESTIONS for text in (question.title, question.why)]
    folder = sentences.SOURCE / "reports/register"
    for name in ("page.js", "page.html"):
        page = (folder / name).read_text(encoding="utf-8")
        texts += re.findall(r'say\("([^"]+)"', page)
    return texts


def missing_in_register(chinese) -> list[str]:
    said = {
        text: chinese.template(text) if re.search(r"[{:;]", text) else chinese(text)
        for text in register_texts()
    }
    return [line(text) for text, found in said.items() if chinese.left(found)]


def test_names_of_the_register_have_their_chinese(chinese):
    assert len(register_texts()) > 150
    missing = missing_in_register(chinese)
    assert len(missing) <= WAITING * len(register_texts()), "\n" + "\n".join(missing)


def test_the_catalogue_fills_the_holes_that_the_english_has():
    wrong: list[str] = []
    said: dict[str, str] = {}
    for path in sorted(CATALOGUE.glob("*.toml")):
        catalogue = tomllib.loads(path.read_text(encoding="utf-8"))
        assert catalogue.keys() <= {"texts", "units", "paragraphs", "keep"}, path.name
        for english, chinese in catalogue.get("texts", {}).items():
            if set(re.findall(r"\{\d+\}", english)) != set(re.findall(r"\{\d+\}", chinese)):
                wrong.append(f"{path.name}: {english!r} = {chinese!r}")
            assert said.setdefault(shape(english), chinese) == chinese, f"said twice: {english!r}"
    assert not wrong, "\n" + "\n".join(wrong)
    assert len(said) > 2000


@pytest.mark.slow
def test_nothing_is_said_twice():
    said: dict[str, str] = {}
    for path in sorted(CATALOGUE.glob("*.toml")):
        for english in tomllib.loads(path.read_text(encoding="utf-8")).get("texts", {}):
            twice = f"{english!r} stands in {path.name} and in {said.get(shape(english))}"
            assert said.setdefault(shape(english), path.name) == path.name, twice


@pytest.mark.slow
def test_paragraphs_of_the_catalogue_stand_in_a_notebook():
    written = {" ".join(text.split()) for _, kind, text in sentences.notebook_texts()}
    for path in CATALOGUE.glob("*.toml"):
        for english in tomllib.loads(path.read_text(encoding="utf-8")).get("paragraphs", {}):
            assert " ".join(english.split()) in written, f"{path.name}: nobody writes {english!r}"
