"""From a fresh clone to a page: what the first report costs a stranger, and what a command costs.

Clones the repository into an empty folder, runs ``make report`` there with an empty home and no
other environment than a path, and prints how long each step took.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def timed(command: list[str], cwd: Path, env: dict[str, str]) -> tuple[float, float, str]:
    """Run a command; return wall seconds, processor seconds of its tree, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        print(done.stdout, done.stderr)
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, done.stdout


def main() -> None:
    """Print one row a step."""
    keep = {k: v for k, v in os.environ.items() if k.startswith(("PIP_", "UV_", "SSL_"))}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir()
        clone = Path(folder) / "clone"
        path = f"{Path(sys.executable).resolve().parent}:/usr/local/bin:/usr/bin:/bin"
        env = keep | {"HOME": str(home), "PATH": path, "LANG": "C.UTF-8"}
        steps = [
            ("clone", ["git", "clone", "--quiet", str(ROOT), str(clone)], Path(folder)),
            ("environment (make setup)", ["make", "setup"], clone),
            ("demo company and report (make report)", ["make", "report"], clone),
            ("report again: up to date", ["make", "report"], clone),
            ("retention --help", [".venv/bin/retention", "--help"], clone),
        ]
        total = 0.0
        print(f"{'step':40s} {'wall s':>8s} {'cpu s':>8s}")
        for name, command, cwd in steps:
            wall, cpu, printed = timed(command, cwd, env)
            total += wall if name.startswith(("clone", "env", "demo")) else 0.0
            print(f"{name:40s} {wall:8.1f} {cpu:8.2f}", flush=True)
            if name.startswith("demo"):
                page = Path(printed.strip().splitlines()[-1])
                print(f"{'':40s} page of {page.stat().st_size / 1024:,.0f} KiB")
        print(f"{'from clone to page':40s} {total:8.1f}")


if __name__ == "__main__":
    main()
