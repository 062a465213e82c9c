"""What a report costs beside the same analyses as plain Python, and two years of backfill.

1. The code of all notebooks runs in one plain Python process, one notebook after the other, with
   every figure drawn. Then `retention report` runs on the same company. The ratio of their seconds
   of processor time is what papermill, kernels, pages, gates and the archive cost.
2. The runner says where its own time goes.
3. A backfill of months: seconds and memory of each, and whether the archive is right at the end.

``--customers``, ``--months`` and ``--only`` make it smaller; ``--part`` chooses.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]

PLAIN = """
import json, os, sys
from pathlib import Path
sys.modules["rfc3987_syntax"] = None
import matplotlib
matplotlib.use("agg")
from retention.errors import RetentionError
os.chdir(sys.argv[1])
for name in sys.argv[2:]:
    cells = json.loads(Path("notebooks", name + ".ipynb").read_text("utf-8"))["cells"]
    space = {"__name__": "__main__"}
    try:
        for cell in cells:
            if cell["cell_type"] == "code":
                code = "".join(cell["source"])
                exec(code.replace('project_dir = ".."', 'project_dir = "."'), space)
    except RetentionError as error:
        print(name, error)
"""

PARTS = """
import json, sys, time
from collections import defaultdict
started = time.process_time()
from retention.cli import main
from retention.reports import archive, batch, building, gates, manifest, rendering, running, sharing
spent = defaultdict(float)
def timed(module, name, called):
    inner = getattr(module, name)
    def outer(*given, **named):
        before = time.process_time()
        try:
            return inner(*given, **named)
        finally:
            spent[called] += time.process_time() - before
    setattr(module, name, outer)
timed(running, "execute_all", "kernels: messages, notebooks written")
timed(rendering, "render_question", "pages of the questions")
timed(building, "_write_register", "register of customers")
timed(building, "_hold_to_gates", "gates")
timed(building, "collect", "notebooks read")
timed(sharing, "write_workbook", "workbook")
timed(running, "_prepare", "hashes, parameters, history")
timed(running, "outputs_of", "hashes of the outputs")
timed(batch, "rebuild_index", "archive")
try:
    main(sys.argv[1:], standalone_mode=False)
except SystemExit as end:
    code = end.code
spent["in all"] = time.process_time() - started
print(json.dumps(spent))
"""

BACKFILL = """
import json, os, resource, sys, time
from pathlib import Path
from retention.project import Project
from retention.reports import Kernels, Order, rebuild_index, run_report
from retention.window import Period
root, first, last, *only = sys.argv[1:]
def memory(pid):
    text = Path(f"/proc/{pid}/status").read_text()
    return int(next(l for l in text.splitlines() if l.startswith("VmRSS")).split()[1]) / 1024
project = Project.load(Path(root))
with Kernels() as kernels:
    for period in Period.parse(first).through(Period.parse(last)):
        wall, cpu = time.monotonic(), time.process_time()
        outcome = run_report(project, period, Order(only=tuple(only)), None, kernels)
        rebuild_index(project)
        parent = kernels.parent.process.pid if kernels.parent else None
        print(json.dumps({
            "period": period.label, "status": outcome.status, "reason": outcome.reason,
            "wall": time.monotonic() - wall, "runner_cpu": time.process_time() - cpu,
            "runner_mb": memory("self"), "parent_mb": memory(parent) if parent else 0.0,
            "kernel_mb": max((e.peak_memory or 0) for e in outcome.executions) / 2**20,
        }), flush=True)
"""


def cpu_of(command: list[str]) -> tuple[float, float, str]:
    """Run a command; return wall seconds, processor seconds of its tree, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{command[:4]} ended with {done.returncode}\n{done.stderr[-3000:]}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def lay_out(folder: Path, customers: int) -> list[str]:
    """Write the demo company; return its notebooks in the order of the report."""
    python = [sys.executable, "-m", "retention"]
    cpu_of([*python, "init", str(folder), "--example", "demo", "--customers", str(customers)])
    cpu_of([*python, "check", "-C", str(folder)])  # what is read once for all: neither pays for it
    found = {}
    for path in (folder / "notebooks").glob("*.ipynb"):
        found[path.stem] = json.loads(path.read_text())["metadata"]["retention"].get("order", 100)
    return sorted(found, key=lambda name: (found[name], name))


def compare(root: Path, names: list[str]) -> None:
    """Print what plain Python, forked and fresh kernels take, and where the runner's time goes."""
    print(f"{'':34s} {'wall s':>8s} {'cpu s':>8s} {'ratio':>6s}")
    rows = {"plain Python, one process": [sys.executable, "-c", PLAIN, str(root), *names]}
    report = ["report", "-C", str(root), "--only", ",".join(names), "-q", "--force"]
    rows["retention report"] = [sys.executable, "-c", PARTS, *report]
    rows["retention report --cold"] = [sys.executable, "-m", "retention", *report, "--cold"]
    base, parts = 0.0, ""
    for name, command in rows.items():
        wall, cpu, printed = cpu_of(command)
        base = base or cpu
        print(f"{name:34s} {wall:8.1f} {cpu:8.1f} {cpu / base:6.2f}", flush=True)
        parts = printed.splitlines()[-1] if name == "retention report" else parts
    print("\nthe runner's own seconds of processor time")
    for name, seconds in json.loads(parts).items():
        print(f"{name:40s} {seconds:8.2f}")


def backfill(root: Path, names: list[str], months: int) -> None:
    """Print each month's seconds and memory, and check the archive."""
    sys.path.insert(0, str(ROOT / "src"))
    from retention.window import Period

    last = Period.parse("2026-10")
    first = last.shift(1 - months)
    given = [str(root), first.label, last.label, *names]
    wall, cpu, printed = cpu_of([sys.executable, "-c", BACKFILL, *given])
    seen = [json.loads(line) for line in printed.splitlines()]
    print(f"{'month':10s} {'wall s':>8s} {'runner MB':>10s} {'parent MB':>10s} {'kernel MB':>10s}")
    for row in seen:
        memory = [row["runner_mb"], row["parent_mb"], row["kernel_mb"]]
        texts = " ".join(f"{x:10.0f}" for x in memory)
        print(
            f"{row['period']:10s} {row['wall']:8.1f} {texts}  {row['status']} {row['reason'][:60]}"
        )
    print(f"{months} months of {len(names)} notebooks: {wall:.0f} s, {cpu:.0f} cpu s,", end=" ")
    print(f"{cpu / months:.1f} cpu s a month")
    check_archive(root, first, last)


def check_archive(root: Path, first: object, last: object) -> None:
    """Stop if a month is missing, altered, or not compared with the one before it."""
    from retention.reports.manifest import intact, read_json

    reports = root / "reports"
    wanted = [period.label for period in first.through(last)]  # type: ignore[attr-defined]
    for before, label in zip([None, *wanted], wanted, strict=False):
        manifest = read_json(reports / label / "manifest.json")
        assert manifest is not None, f"{label} has no report"
        assert intact(reports / label, manifest), f"{label} was altered"
        assert before is None or before in manifest["compared"], f"{label} stands alone"
    index = (reports / "index.html").read_text(encoding="utf-8")
    assert all(f'href="{label}/index.html"' in index for label in wanted), "the index is not whole"
    print(f"the archive has all {len(wanted)} months, intact, each compared with the one before")


def main() -> None:
    """Run what was asked for."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--customers", type=int, default=2000)
    asked.add_argument("--months", type=int, default=24)
    asked.add_argument("--only", default="", help="notebooks of the backfill, commas between")
    asked.add_argument("--part", choices=["report", "backfill", "both"], default="both")
    given = asked.parse_args()
    os.environ["MPLBACKEND"] = "agg"
    with tempfile.TemporaryDirectory() as folder:
        names = lay_out(Path(folder), given.customers)
        some = [name for name in given.only.split(",") if name] or names
        if given.part in ("report", "both"):
            compare(Path(folder), some)
        if given.part in ("backfill", "both"):
            print(f"\nbackfill of {given.months} months, {given.customers:,} customers", flush=True)
            backfill(Path(folder), some, given.months)


if __name__ == "__main__":
    main()
