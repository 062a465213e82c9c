"""The rules of the house: what may stand in the tree, and that its lists agree."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
CONDA_NAMES = {"python-duckdb": "duckdb"}


def tracked_files() -> list[Path]:
    """Every file that git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("not a git checkout")
    files = [ROOT / name for name in listed.stdout.splitlines()]
    return [file for file in files if file.is_file()]


def texts() -> list[tuple[Path, str]]:
    found = []
    for file in tracked_files():
        try:
            found.append((file.relative_to(ROOT), file.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return found


@pytest.fixture(scope="module")
def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


# the words are put together here, so that this file does not hold what it forbids
HOSTS = (
    "py" + "pi",
    "python" + "hosted",
    "npm" + "js",
    "ana" + "conda.org",
    "conda-forge" + ".org",
)
INDEX_OPTIONS = ("--extra-" + "index-url", "--index" + "-url", "--find" + "-links")


def test_no_tracked_file_names_a_registry():
    pattern = re.compile(
        r"https?://[^\s\"']*(?:" + "|".join(map(re.escape, HOSTS)) + ")|" + "|".join(INDEX_OPTIONS)
    )
    guilty = [str(path) for path, text in texts() if pattern.search(text)]
    assert not guilty, f"a registry host or index option stands in {guilty}"


def test_no_tracked_file_holds_a_machine_path():
    pattern = re.compile(r"(?:^|[\s\"'=(])/(?:wo" + r"rk|ro" + r"ot|ho" + r"me/\w+)/", re.MULTILINE)
    guilty = [str(path) for path, text in texts() if pattern.search(text)]
    assert not guilty, f"a path of one machine stands in {guilty}"


def test_conda_environment_agrees_with_pyproject(pyproject):
    """Same packages, same bounds, and what is installed here satisfies both."""
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    listed = environment["dependencies"]
    python_packages = next(item["pip"] for item in listed if isinstance(item, dict))
    conda = {}
    for text in [item for item in listed if isinstance(item, str)]:
        requirement = Requirement(text)
        conda[CONDA_NAMES.get(requirement.name, requirement.name)] = requirement.specifier
    assert str(conda.pop("python")) == pyproject["project"]["requires-python"]
    conda.pop("pip")
    extras = pyproject["project"]["optional-dependencies"]
    runtime = {r.name: r.specifier for r in map(Requirement, pyproject["project"]["dependencies"])}
    testing = {r.name: r.specifier for r in map(Requirement, extras["dev"]) if r.name in conda}
    assert conda == runtime | testing
    assert {"pytest", "jupyterlab", "lifelines", "papermill"} <= set(conda)
    assert set(extras["examples"]) <= set(python_packages)
    for name, bounds in conda.items():
        assert version(name) in bounds, f"{name} {version(name)} is not in {bounds}"


def test_constraints_pin_every_dependency(pyproject):
    """Each direct dependency is pinned, within its bounds, and the pins are the hashed ones."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins: dict[str, list[str]] = {}
    for line in lines:
        name, _, rest = line.partition("==")
        pins.setdefault(name.strip().lower(), []).append(rest.split(";")[0].strip())
    needed = list(pyproject["project"]["dependencies"])
    for extra in pyproject["project"]["optional-dependencies"].values():
        needed += extra
    for requirement in map(Requirement, needed):
        if requirement.name == pyproject["project"]["name"]:
            continue
        assert requirement.name.lower() in pins, f"{requirement.name} is not in constraints.txt"
        assert all(pin in requirement.specifier for pin in pins[requirement.name.lower()])
    locked = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    entries = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", locked, re.MULTILINE)
    assert len(entries) > 50
    assert all(pin in pins[name.lower()] for name, pin in entries)
    assert locked.count("--hash=sha256:") >= len(entries)


def test_import_is_quick_and_lazy():
    """`import retention` brings in none of the heavy libraries."""
    heavy = "pandas,numpy,scipy,matplotlib,duckdb,lifelines,papermill,nbconvert"
    code = (
        "import sys, retention, retention.cli;"
        f"print([m for m in '{heavy}'.split(',') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_is_quick_and_lazy():
    code = (
        "import sys, time\n"
        "from click.testing import CliRunner\n"
        "from retention.cli import main\n"
        "result = CliRunner().invoke(main, ['--help'])\n"
        "assert result.exit_code == 0, result.output\n"
        "assert 'pandas' not in sys.modules\n"
        "print(time.process_time())\n"
    )
    seconds = [
        float(
            subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, check=True
            ).stdout.split()[-1]
        )
        for _ in range(3)
    ]
    assert min(seconds) < 0.3


def public_folders() -> list[str]:
    return [
        "schemas", "engine", "datasets", "features", "models", "metrics", "analyses", "exhibits",
        "reports",
    ]  # fmt: skip


@pytest.mark.parametrize("folder", public_folders())
def test_every_public_name_is_there_and_documented(folder):
    from importlib import import_module

    door = import_module(f"retention.{folder}")
    for name in door.__all__:
        thing = getattr(door, name)
        if inspect.isclass(thing) or inspect.isroutine(thing):
            assert (thing.__doc__ or "").strip(), f"retention.{folder}.{name} has no docstring"


def test_changelog_speaks_of_this_version(pyproject):
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {pyproject['project']['version']}" in changelog
