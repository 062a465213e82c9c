"""A new project: its folders, its notebooks and a commented ``retention.toml``."""

from __future__ import annotations

import json
import shutil
from datetime import date
from importlib.resources import files
from pathlib import Path

from retention.datasets import propose_tables
from retention.errors import ProjectError
from retention.reports.articles import packaged_notebooks
from retention.window import Period

__all__ = ["copy_notebooks", "lay_out_project"]

FILE = "retention.toml"


def lay_out_project(folder: Path, name: str = "", files_in: Path | None = None) -> None:
    """Make a folder in which `retention check`, `retention report` and JupyterLab work.

    Parameters
    ----------
    folder : Path
        Made if need be. Notebooks that are there already are kept.
    name : str
        Of the company; the folder's if left out.
    files_in : Path, optional
        Folder of the company's files: the tables are proposed from what they look like.

    Raises
    ------
    ProjectError
        If it is a project already, or cannot be written.
    """
    if (folder / FILE).exists():
        raise ProjectError(f"{folder} has a {FILE} already; it is left as it is")
    proposed = propose_tables(files_in, folder) if files_in is not None else ""
    copy_notebooks(folder)
    today = date.today()
    cutoff = Period.containing(today).start
    text = files("retention.reports").joinpath("templates/retention.toml").read_text("utf-8")
    filled = text.replace("@name@", json.dumps(name or folder.resolve().name, ensure_ascii=False))
    filled = filled.replace("@cutoff@", cutoff.isoformat())
    filled = filled.replace("@from@", cutoff.replace(year=cutoff.year - 3).isoformat())
    if proposed:
        head, _, _ = filled.partition("# The only table that everything needs.")
        filled = f"{head}# Proposed from the files in {files_in}: confirm every line.\n\n{proposed}"
    (folder / FILE).write_text(filled, encoding="utf-8")


def copy_notebooks(folder: Path) -> None:
    """Make the folders of a project and copy the package's notebooks into it.

    Raises
    ------
    ProjectError
        If the folder cannot be written.
    """
    try:
        for part in ("data", "notebooks", "reports"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        for source in sorted(packaged_notebooks().glob("*.ipynb")):
            target = folder / "notebooks" / source.name
            if not target.exists():
                shutil.copyfile(source, target)
    except OSError as error:
        raise ProjectError(f"{folder} cannot be written: {error.strerror}") from error
