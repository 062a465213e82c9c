"""The wheel works without the repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def uv() -> str:
    found = shutil.which(
        "uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    )
    if found is None:
        pytest.skip("uv is not beside this python; `make setup` puts it there")
    return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [uv(), "build", "--wheel", "--quiet", "--out-dir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


def test_wheel_holds_everything_but_python(wheel):
    """Templates, queries, stubs and notebooks travel with the package."""
    inside = set(zipfile.ZipFile(wheel).namelist())
    package = ROOT / "src" / "retention"
    for file in package.rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts:
            assert f"retention/{file.relative_to(package).as_posix()}" in inside
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        assert f"retention/notebooks/{notebook.name}" in inside


@pytest.mark.slow
def test_wheel_in_an_empty_environment_makes_a_report(wheel, tmp_path):
    """`pip install` it, `retention init shop --example telco`, `retention report`."""
    home = tmp_path / "home"
    home.mkdir()
    keep = {k: v for k, v in os.environ.items() if k.startswith(("PIP_", "UV_", "SSL_"))}
    env = keep | {"PATH": "/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8"}

    def run(*command: str, cwd: Path = tmp_path) -> str:
        done = subprocess.run(
            command, cwd=cwd, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    run(uv(), "venv", "--python", sys.executable, "env")
    python = str(tmp_path / "env" / "bin" / "python")
    constraints = str(ROOT / "constraints.txt")
    run(uv(), "pip", "install", "--python", python, "-c", constraints, f"{wheel}[examples]")
    retention = str(tmp_path / "env" / "bin" / "retention")
    run(retention, "init", "shop", "--example", "telco")
    printed = run(retention, "report", cwd=tmp_path / "shop")
    page = Path(printed.strip().splitlines()[-1])
    assert page.is_file()
    assert "Kaplan" in page.read_text(encoding="utf-8")
