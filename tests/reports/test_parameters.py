"""Parameters are read as literals, and what does not fit is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.errors import NotebookError, ParameterError
from retention.reports import Parameter, bind_parameters, read_parameters
from retention.reports.articles import find_articles, read_article
from retention.reports.parameters import parse_value, written_parameters

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)  # fmt: skip


@given(value=json_values)
def test_a_cell_is_read_as_it_is_written(value):
    assert read_parameters(f"x = {value!r}", "here") == (Parameter("x", value),)


@pytest.mark.parametrize(
    "source",
    [
        "import os",
        "x = print(1)",
        "x = y = 1",
        "x, y = 1, 2",
        "x.y = 1",
        "x += 1",
        "x = (1, 2)",
        "x = {1: 2}",
        "x = 1e999",
        "x = b'a'",
        "x = {1, 2}",
        "x: int",
        "x = 1\nx = 2",
        "_x = 1",
        "x = ",
        "'''text'''",
        "x = f'{1}'",
    ],
)
def test_anything_but_a_literal_is_refused(source):
    with pytest.raises(ParameterError, match=r"^here"):
        read_parameters(source, "here")


CELL = read_parameters(
    'text = ""\nwhole = 1\nnumber = 1.5\nflag: bool = True\nnames = []\nfree = None', "here"
)


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ({"text": "007"}, "007"),
        ({"whole": 7}, 7),
        ({"number": 2}, 2.0),
        ({"flag": False}, False),
        ({"names": ["a"]}, ["a"]),
        ({"free": "anything"}, "anything"),
    ],
)
def test_fitting_values_are_taken(given, value):
    (name,) = given
    bound = bind_parameters(CELL, given, "here")
    assert bound[name] == value
    assert type(bound[name]) is type(value)
    assert bound.keys() == {p.name for p in CELL}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"text": 7}, "is a text, got 7"),
        ({"whole": True}, r"whole number, got True \(yes or no\)"),
        ({"whole": 1.0}, "is a whole number"),
        ({"number": "1"}, "is a number"),
        ({"number": float("nan")}, "a finite number"),
        ({"flag": 1}, "is a yes or no"),
        ({"names": ("a",)}, "a parameter is text"),
        ({"texd": ""}, "no parameter 'texd'; did you mean text"),
        ({"x=1;import os": ""}, "no parameter 'x=1;import os'; it has text"),
    ],
)
def test_other_values_are_refused(given, message):
    with pytest.raises(ParameterError, match=message):
        bind_parameters(CELL, given, "here")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("text", "007", "007"), ("text", "1e5", "1e5"), ("whole", "12", 12), ("flag", "true", True)],
)
def test_a_value_on_the_command_line(name, text, value):
    parameter = next(p for p in CELL if p.name == name)
    assert parse_value(parameter, text) == value


def test_a_wrong_value_on_the_command_line():
    whole = next(p for p in CELL if p.name == "whole")
    for text in ("1.5", "x", '"1"'):
        with pytest.raises(ParameterError, match="whole number"):
            parse_value(whole, text)


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ([["other"]], "found 0"),
        ([["parameters"], ["parameters"]], "found 2"),
        ([[], ["parameters"]], "first code cell"),
    ],
)
def test_a_notebook_has_one_parameters_cell_and_it_is_first(tmp_path, tags, message):
    import nbformat

    notebook = nbformat.v4.new_notebook(metadata={"retention": {"title": "a", "question": "b?"}})
    notebook.cells = [nbformat.v4.new_code_cell("x = 1", metadata={"tags": t}) for t in tags]
    nbformat.write(notebook, tmp_path / "a.ipynb")
    with pytest.raises(NotebookError, match=message):
        read_article(tmp_path / "a.ipynb")


def test_notebooks_that_are_none_are_refused(tmp_path, write_notebook):
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (folder / "a.ipynb").write_text("{}")
    with pytest.raises(NotebookError, match="no notebook of a report"):
        find_articles(tmp_path)
    (folder / "a.ipynb").unlink()
    write_notebook(folder / "My question.ipynb")
    with pytest.raises(NotebookError, match="lower case"):
        find_articles(tmp_path)
    (folder / "My question.ipynb").unlink()
    write_notebook(folder / "a.ipynb", key_figures={"x": "up"})
    with pytest.raises(NotebookError, match="higher, lower"):
        find_articles(tmp_path)


def test_articles_come_in_their_order(tmp_path, write_notebook):
    for name, order in {"b": 1, "a": 2, "c": 1}.items():
        write_notebook(tmp_path / f"notebooks/{name}.ipynb", order=order)
    assert [article.name for article in find_articles(tmp_path)] == ["b", "c", "a"]


KNOWN = {
    "curve": (Parameter("group_by", "auto"), Parameter("horizon", 12), Parameter("period", "")),
    "value": (Parameter("horizon", 24.0),),
}


def test_values_of_the_command_line_reach_who_has_the_name():
    found = written_parameters(["horizon=6", "curve.group_by=a=b; import os"], KNOWN)
    assert found == {
        "curve": {"horizon": 6, "group_by": "a=b; import os"},  # text, whatever it looks like
        "value": {"horizon": 6.0},
    }
    assert written_parameters(["value.horizon=6"], KNOWN) == {"value": {"horizon": 6.0}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("horizon", "write name=value"),
        ("=3", "write name=value"),
        ("import os; os.abort()=3", "no notebook of this run"),
        ("horizn=3", "did you mean horizon"),
        ("churn.horizon=3", "no notebook of this run is named 'churn'"),
        ("curve.horizon=six", "whole number"),
        ("curve.horizon=6.5", "whole number"),
        ("value.horizon=NaN", "finite"),
        ("period=2026-10", "decided by the run"),
    ],
)
def test_what_cannot_be_bound_is_refused(text, message):
    with pytest.raises(ParameterError, match=message):
        written_parameters([text], KNOWN)
