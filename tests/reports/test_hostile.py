"""A project that means harm, or is only unlucky: refused, or inert."""

from __future__ import annotations

import json
import shutil
import subprocess
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from retention.errors import DataError, NotebookError, ParameterError, ProjectError
from retention.project import Project
from retention.reports import Order, find_articles, rebuild_index, run_report
from retention.window import Period

OCTOBER = Period.parse("2026-10")
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def run(root: Path, **order: object):
    return run_report(Project.load(root), OCTOBER, Order(**order))


def test_names_with_html_and_script_are_only_text(project_dir, canned):
    toml = project_dir / "retention.toml"
    toml.write_text(toml.read_text().replace('"Toy & Sons"', json.dumps(EVIL)))
    path = project_dir / "notebooks/stayed.ipynb"
    notebook = json.loads(path.read_text())
    notebook["metadata"]["retention"] |= {
        "title": EVIL, "question": EVIL, "labels": {"stayed": EVIL},
        "money_at_stake": {"stayed": "lower"},
    }  # fmt: skip
    path.write_text(json.dumps(notebook))
    page = run(project_dir).page
    index = rebuild_index(Project.load(project_dir))
    for file in (index, page, page.with_name("stayed.html")):
        soup = BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser")
        assert soup.find("script") is None
        assert not soup.find_all(onerror=True)
        assert EVIL in soup.get_text()


def test_a_notebook_outside_of_the_project_is_not_run(project_dir, write_notebook, tmp_path):
    outside = write_notebook(tmp_path / "outside.ipynb", ["open('ran', 'w')"])
    with pytest.raises(ProjectError, match="no notebook is named"):
        run(project_dir, only=("../../outside",))
    (project_dir / "notebooks/link.ipynb").symlink_to(outside)
    with pytest.raises(NotebookError, match="leads out of the project"):
        find_articles(project_dir)


def test_a_parameter_whose_name_is_code_is_refused(project_dir, write_notebook):
    name = "__import__('os').system('touch ran')"
    toml = project_dir / "retention.toml"
    toml.write_text(toml.read_text() + f"[parameters.stayed]\n{json.dumps(name)} = 1\n")
    with pytest.raises(ParameterError, match="no parameter"):
        run(project_dir)
    cells = f'project_dir = ".."\nperiod = ""\n{name} = 1'
    write_notebook(project_dir / "notebooks/evil.ipynb", [], parameters=cells)
    with pytest.raises(ParameterError, match="is not Python"):
        find_articles(project_dir)
    assert not list(project_dir.rglob("ran"))


@pytest.mark.parametrize("place", ["latest", "2026-10", "revisions"])
def test_a_link_out_of_the_archive_is_not_followed(project_dir, canned, tmp_path, place):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    run(project_dir)
    rebuild_index(Project.load(project_dir))
    target = project_dir / "reports" / place
    if target.exists():
        target.rename(tmp_path / "aside")
    target.symlink_to(elsewhere)
    path = project_dir / "notebooks/stayed.ipynb"
    path.write_text(path.read_text().replace("Toy(0.8)", "Toy(0.7)"))
    with pytest.raises(ProjectError, match="link"):
        rebuild_index(Project.load(project_dir)) if run(project_dir) else None
    assert not list(elsewhere.iterdir())


def test_a_mapping_that_names_a_missing_file_is_said(project_dir):
    toml = project_dir / "retention.toml"
    toml.write_text(toml.read_text().replace("data/customers.csv", "data/gone.csv"))
    with pytest.raises(DataError, match=r"customers: data/gone.csv"):
        run(project_dir)
    assert not (project_dir / "reports/2026-10").exists()


def test_a_folder_with_a_very_long_chinese_name(tmp_path, write_notebook, canned):
    spec = spec_from_file_location("toys", Path(__file__).with_name("conftest.py"))
    toys = module_from_spec(spec)
    spec.loader.exec_module(toys)
    root = tmp_path / ("客户 " * 20) / ("long " * 40).strip()
    toys.write_toy(root, write_notebook)
    assert run(root).status == "published"
    assert run(root).status == "up to date"


def test_a_disk_that_is_read_only(project_dir, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip(f"no disk can be mounted here: {made.stderr.strip()}")
    try:
        root = disk / "shop"
        shutil.copytree(project_dir, root)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(ProjectError, match="cannot be made: Read-only"):
            run(root)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
