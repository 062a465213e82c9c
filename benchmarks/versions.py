"""The oldest and the newest DuckDB and sqlglot that pyproject.toml allows: ``make versions``.

Two environments are made under ``build/versions/``, equal but for these two packages. In each the
tests of engine, features and sources run, and every query of features and checks is translated to
Spark; the translations of both must be the same text. Needs the package index, like ``make setup``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build/versions"
PACKAGES = ("duckdb", "sqlglot")
TESTS = (
    "tests/engine", "tests/features", "tests/datasets/test_sources.py",
    "tests/datasets/test_read.py", "src/retention/engine", "src/retention/features",
)  # fmt: skip


def allowed() -> dict[str, tuple[str, str]]:
    """Return the lowest version and the whole range of each package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["spark"]]
    found = {}
    for line in wanted:
        name, rest = re.fullmatch(r"([\w-]+)(.*)", line).groups()
        if name in PACKAGES:
            found[name] = re.search(r">=([\d.]+)", rest)[1], rest
    return found


def environment(which: str) -> Path:
    """Make one of the two environments and return its Python."""
    folder = FOLDER / which
    python = folder / "bin/python"
    others = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in others if not line.startswith(PACKAGES)]
    for name, (lowest, span) in allowed().items():
        pins.append(f"{name}=={lowest}" if which == "oldest" else f"{name}{span}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    listed = FOLDER / f"{which}.txt"
    listed.write_text("\n".join(pins) + "\n", encoding="utf-8")
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--clear", str(folder)], check=True)
    install = [*uv, "pip", "install", "--quiet", "--python", str(python)]
    subprocess.run([*install, "--constraints", str(listed), "--editable", ".[dev]"], check=True,
                   cwd=ROOT)  # fmt: skip
    return python


def translated(target: Path) -> None:
    """Write every query of features and checks as Spark would see it, in order."""
    sys.path.insert(0, str(ROOT / "tests"))
    from features.conftest import ITEMS, every_feature, outcome
    from features.test_engines import check_queries

    from retention.datasets import simulate_company
    from retention.engine import Embedded, Tables, translate

    company = simulate_company(150, seed=11)
    tables = Tables.from_frames(company.tables, window=company.window, items=ITEMS)
    seen: list[str] = []
    frame = Embedded.frame
    Embedded.frame = lambda self, sql: (seen.append(sql), frame(self, sql))[1]
    for feature in every_feature().values():
        outcome(feature, tables)
    queries = [*check_queries(company), *tables._views.values(), *seen]
    target.write_text("\n\n".join(translate(sql, "spark") for sql in queries), "utf-8")


def main() -> int:
    """Return how many of the checks failed."""
    failed, texts = 0, {}
    quiet = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    for which in ("oldest", "newest"):
        start = time.perf_counter()
        python = environment(which)
        show = "import duckdb, sqlglot; print(duckdb.__version__, sqlglot.__version__)"
        have = subprocess.run([python, "-c", show], capture_output=True, text=True, check=True)
        print(f"{which}: DuckDB and sqlglot {have.stdout.strip()}", flush=True)
        tests = subprocess.run([python, "-m", "pytest", "-q", *TESTS], cwd=ROOT, env=quiet)
        target = FOLDER / f"{which}.sql"
        texts[which] = subprocess.run([python, __file__, str(target)], cwd=ROOT, env=quiet)
        failed += (tests.returncode != 0) + (texts[which].returncode != 0)
        print(f"{which}: {time.perf_counter() - start:.0f} s", flush=True)
    if all(done.returncode == 0 for done in texts.values()):
        first, second = ((FOLDER / f"{w}.sql").read_text("utf-8") for w in ("oldest", "newest"))
        same = first == second
        failed += not same
        count = first.count("\n\n") + 1
        print(f"{count} queries translated; the same text by both: {'yes' if same else 'NO'}")
    return failed


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(translated(Path(sys.argv[1])))
    sys.exit(main())
