"""A report from notebooks to page, and everything that may go wrong on the way."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from retention.errors import (
    DataError,
    GateError,
    NotebookError,
    ParameterError,
    ProjectError,
    TemporaryError,
)
from retention.project import Project
from retention.reports import Archive, Order, rebuild_index, run_report
from retention.reports.publishing import _exchange
from retention.window import Period

OCTOBER = Period.parse("2026-10")


def run(root, period=OCTOBER, **order):
    return run_report(Project.load(root), period, Order(**order))


def manifest_of(folder):
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def files_of(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_report_from_notebooks_to_page(project_dir):
    outcome = run(project_dir)
    assert (outcome.status, outcome.exit_code, outcome.reason) == ("published", 0, "")
    folder = project_dir / "reports/2026-10"
    assert outcome.page == folder / "index.html"
    assert {path.as_posix() for path in files_of(folder)} == {
        "customers.csv",
        "customers.html",
        "index.html",
        "stayed.html",
        "summary.txt",
        "tables.xlsx",
        "metrics.json",
        "manifest.json",
        "notebooks/stayed.ipynb",
        "tables/key_figures.csv",
        "tables/stayed_figure_1.csv",
        "tables/stayed_counts.csv",
    }
    index = BeautifulSoup((folder / "index.html").read_text(encoding="utf-8"), "html.parser")
    assert index.find("p", class_="lead").get_text() == "80% of the customers stayed."
    assert "80.0" in index.find(class_="card").get_text()
    assert "Reasons: needs exits" in index.get_text()
    page = BeautifulSoup((folder / "stayed.html").read_text(encoding="utf-8"), "html.parser")
    assert [h.get_text() for h in page.find_all("h1")] == ["Stayed"]
    assert page.find("img")["alt"] == "Falls."
    assert page.find("figcaption").get_text() == "C The data (CSV)"
    assert page.figcaption.a["href"] == "tables/stayed_figure_1.csv"
    drawn = (folder / "tables/stayed_figure_1.csv").read_text()
    assert drawn.splitlines()[1:] == ["1,line,,0,1,,,", "1,line,,1,0,,,"]
    assert page.find("details", class_="method").summary.get_text() == "How it is counted"
    assert len(page.find_all("math")) == 2
    assert page.find("th", string="<b>a</b>") is not None
    assert page.find("a", href="tables/stayed_counts.csv") is not None
    assert page.find("a", href="https://example.org/paper") is None
    assert "https://example.org/paper" in page.get_text()
    assert "import" not in page.get_text()
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["answers"][0]["estimates"]["stayed"]["low"] == pytest.approx(0.75)
    assert metrics["key_figures"] == [{"key": "stayed/toy/stayed", "better": "higher", "label": ""}]
    manifest = manifest_of(folder)
    assert (manifest["status"], manifest["revision"]) == ("published", 1)
    assert manifest["parameters"]["stayed"] == {"project_dir": ".", "period": "2026-10"}
    here = str(project_dir).encode()
    assert not any(here in content for content in files_of(folder).values())
    assert not list((project_dir / "reports/.staging").iterdir())


def test_the_same_inputs_give_the_same_bytes(project_dir, canned):
    run(project_dir)
    index = rebuild_index(Project.load(project_dir)).read_text(encoding="utf-8")
    assert "Reports: 1; the latest is for October 2026" in index
    folder = project_dir / "reports/2026-10"
    before = files_of(folder)
    assert run(project_dir).status == "up to date"
    assert files_of(folder) == before
    assert run(project_dir, force=True).status == "unchanged"
    after = files_of(folder)
    assert {p: b for p, b in after.items() if p.name != "manifest.json"} == {
        p: b for p, b in before.items() if p.name != "manifest.json"
    }
    assert not (project_dir / "reports/revisions").exists()
    (folder / "stayed.html").write_text("forged")
    assert run(project_dir).status == "published"
    assert "forged" not in (folder / "stayed.html").read_text(encoding="utf-8")
    assert manifest_of(folder)["changed"] == {"outputs": ["the published files had been altered"]}


def test_changed_inputs_give_a_revision_that_says_so(project_dir, canned):
    run(project_dir)
    folder = project_dir / "reports/2026-10"
    with (project_dir / "data/customers.csv").open("a") as file:
        file.write("c2,2026-12-01\n")
    assert run(project_dir).status == "published"  # the page names its inputs
    assert manifest_of(folder)["changed"] == {"inputs": ["customers"]}
    assert run(project_dir).status == "up to date"

    path = project_dir / "notebooks/stayed.ipynb"
    path.write_text(path.read_text().replace("Toy(0.8)", "Toy(0.7)"))
    assert run(project_dir).status == "published"
    assert manifest_of(folder)["revision"] == 3
    assert manifest_of(folder)["changed"] == {"notebooks": ["stayed"]}
    kept = project_dir / "reports/revisions/2026-10"
    assert sorted(path.name for path in kept.iterdir()) == ["r01", "r02"]
    assert "80%" in (kept / "r01/index.html").read_text(encoding="utf-8")
    index = rebuild_index(Project.load(project_dir))
    text = BeautifulSoup(index.read_text(encoding="utf-8"), "html.parser").get_text(" ")
    assert "Revision 3 · restated" in text
    assert "notebooks (stayed)" in text
    assert "Stayed: 70.0, first published as 80.0" in text
    card = BeautifulSoup((folder / "index.html").read_text(encoding="utf-8"), "html.parser")
    assert "restated; first published as 80.0" in card.find(class_="card").get_text()
    assert run(project_dir, force=True).status == "unchanged"
    assert_rebuilt_from_manifests(project_dir)
    assert "70% of the customers stayed." in text


def assert_rebuilt_from_manifests(project_dir):
    """What is not a report itself may be deleted: it comes again, the same to the byte."""
    reports, project = project_dir / "reports", Project.load(project_dir)
    rebuild_index(project)
    before = {p: b for p, b in files_of(reports).items() if ".locks" not in p.parts}
    assert before[Path("latest/index.html")] == before[Path("2026-10/index.html")]
    (reports / "index.html").unlink()
    for name in ("latest", ".locks", ".staging"):
        shutil.rmtree(reports / name)
    rebuild_index(project)
    assert {p: b for p, b in files_of(reports).items() if ".locks" not in p.parts} == before
    (reports / "latest/index.html").write_text("forged")
    rebuild_index(project)
    assert (reports / "latest/index.html").read_bytes() == before[Path("2026-10/index.html")]


def test_a_month_is_compared_with_the_one_before(project_dir, canned):
    run(project_dir, OCTOBER.previous())
    path = project_dir / "notebooks/stayed.ipynb"
    path.write_text(path.read_text().replace("Toy(0.8)", "Toy(0.7)"))
    page = run(project_dir).page
    index = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    card = index.find(class_="card").get_text()
    assert "▼ −10.0 points against September 2026 (beyond noise, worse)" in card
    assert index.find("svg")["aria-label"] == (
        "Stayed, 2 reports from September 2026 to October 2026: from 70.0 to 80.0"
    )
    assert manifest_of(page.parent)["compared"].keys() == {"2026-09"}


def test_a_notebook_names_its_figures_in_words(project_dir, canned):
    path = project_dir / "notebooks/stayed.ipynb"
    notebook = json.loads(path.read_text())
    notebook["metadata"]["retention"]["labels"] = {"stayed": "Stayed to the end"}
    path.write_text(json.dumps(notebook))
    page = BeautifulSoup(run(project_dir).page.read_text(encoding="utf-8"), "html.parser")
    assert "Stayed to the end" in page.find(class_="card").get_text()


def spoil(project_dir, write_notebook, source, **about):
    write_notebook(project_dir / "notebooks/spoilt.ipynb", [source], order=3, **about)


@pytest.mark.parametrize(
    ("source", "code", "status"),
    [
        ("1 / 0", 1, "failed"),
        ("import os; os._exit(1)", 138, "failed"),
        ("from retention.exhibits import *; show(new_axes())", 1, "failed"),
        ("from IPython.display import *; display(Javascript('alert(1)'))", 4, "gate failed"),
        (
            "from IPython.display import *; display(Markdown('call jo@example.com'))",
            4,
            "gate failed",
        ),
    ],
)
def test_a_failure_leaves_what_is_published(project_dir, write_notebook, source, code, status):
    folder = project_dir / "reports/2026-10"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text("published")
    before = files_of(folder)
    spoil(project_dir, write_notebook, source)
    outcome = run(project_dir, only=("spoilt",))
    assert (outcome.status, outcome.exit_code) == ("failed", code)
    assert files_of(folder) == before
    failure = project_dir / "reports/failures/2026-10"
    assert outcome.page == failure / "failure.html"
    manifest = manifest_of(failure)
    assert (manifest["status"], manifest["exit_code"]) == (status, code)
    assert "spoilt" in manifest["reason"]
    assert "jo@example.com" not in manifest["reason"]
    assert (failure / "notebooks/spoilt.ipynb").exists()
    assert not list((project_dir / "reports/.staging").iterdir())


def test_an_unanswerable_question_does_not_spoil_the_rest(project_dir, write_notebook):
    source = "from retention.errors import *; raise NotEnoughDataError('only 3 customers left')"
    spoil(project_dir, write_notebook, source)
    outcome = run(project_dir)
    assert outcome.status == "published"
    assert (
        "Spoilt: only 3 customers left"
        in BeautifulSoup(outcome.page.read_text(encoding="utf-8"), "html.parser").get_text()
    )


def test_what_can_be_refused_is_refused_before_a_kernel_starts(
    project_dir, write_notebook, monkeypatch
):
    monkeypatch.setattr("retention.reports.running.execute_all", None)
    with pytest.raises(DataError, match="end before 2026-11-01"):
        run(project_dir, Period.parse("2026-11"))
    with pytest.raises(DataError, match="before the first day"):
        run(project_dir, Period.parse("2024-12"))
    with pytest.raises(ProjectError, match="no notebook is named churn; there are stayed"):
        run(project_dir, only=("churn",))
    with pytest.raises(ParameterError, match="language 'xx'"):
        run(project_dir, lang="xx")
    monkeypatch.setattr("retention.exhibits.chinese_font", lambda: "")
    with pytest.raises(GateError, match="fonts-noto-cjk"):
        run(project_dir, lang="zh")
    for text in ("a=1;b=7", "period=2026-09", "stayed.project_dir=/"):
        with pytest.raises(ParameterError, match=r"no parameter 'a'|decided by the run"):
            run(project_dir, parameters=(text,))
    toml = project_dir / "retention.toml"
    before = toml.read_text()
    for line, message in {
        'perido = "x"': "did you mean period",
        "period = 7": "decided by the run",
        '"a=1;b" = 7': "has no parameter 'a=1;b'",
    }.items():
        toml.write_text(before + f"[parameters.stayed]\n{line}\n")
        with pytest.raises(ParameterError, match=message):
            run(project_dir)
    toml.write_text(before)
    outside = write_notebook(project_dir.parent / "outside.ipynb")
    (project_dir / "notebooks/link.ipynb").symlink_to(outside)
    with pytest.raises(NotebookError, match="leads out of the project"):
        run(project_dir)


def test_links_out_of_the_archive_are_refused(project_dir, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (project_dir / "reports").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ProjectError, match="leads out of the project"):
        run(project_dir)
    (project_dir / "reports").unlink()
    (project_dir / "reports").mkdir()
    (project_dir / "reports/2026-10").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ProjectError, match="is a link"):
        run(project_dir)


def test_two_runs_on_one_period(project_dir):
    archive = Archive(project_dir)
    with archive.lock(OCTOBER):
        with pytest.raises(TemporaryError, match="another run"):
            run(project_dir)
        with archive.lock(OCTOBER.previous()):
            pass


@pytest.mark.parametrize("exchange", [True, False])
def test_what_a_killed_run_left_is_mended(tmp_path, monkeypatch, exchange):
    if not exchange:
        monkeypatch.setattr("retention.reports.publishing._exchange", lambda one, other: False)
    archive = Archive(tmp_path)

    def report(folder, revision):
        folder.mkdir(parents=True)
        manifest = {"status": "published", "revision": revision}
        (folder / "manifest.json").write_text(json.dumps(manifest))

    for revision in (1, 2):
        with archive.lock(OCTOBER), archive.stage(OCTOBER) as staging:
            report(staging / "report", revision)
            archive.publish(staging / "report", OCTOBER)
    assert manifest_of(archive.published(OCTOBER))["revision"] == 2
    assert manifest_of(archive.revisions(OCTOBER) / "r01")["revision"] == 1
    # killed after the exchange, before the old one was put away
    report(archive.staging / "2026-10.dead/report", 1)
    shutil.rmtree(archive.revisions(OCTOBER))
    with archive.stage(OCTOBER):
        pass
    assert manifest_of(archive.revisions(OCTOBER) / "r01")["revision"] == 1
    # killed between two renames: the place is empty
    archive.published(OCTOBER).rename(archive.staging / "2026-10.dead")
    with archive.stage(OCTOBER):
        pass
    assert manifest_of(archive.published(OCTOBER))["revision"] == 2
    # killed while it was being made: nothing of it is kept
    (archive.staging / "2026-10.half/report").mkdir(parents=True)
    with archive.stage(OCTOBER):
        pass
    assert not list(archive.staging.iterdir())


def test_folders_are_exchanged_in_one_step(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    if not _exchange(tmp_path / "a", tmp_path / "b"):
        pytest.skip("this system cannot exchange two folders in one step")
    assert (tmp_path / "a/b").exists()
    assert (tmp_path / "b/a").exists()
