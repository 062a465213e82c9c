"""Run every benchmark of this folder and print its ratios: ``make bench``.

Each ``bench_<topic>.py`` is a program of its own: it measures ours and the peer, or the bare limit,
in one run, in seconds of processor time, and prints a table of ratios. This file runs them in turn,
with one thread for the linear algebra, and keeps what they print under ``benchmarks/results/``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results"
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL")}


def main(chosen: list[str]) -> int:
    """Run the chosen topics, or all; return how many failed."""
    RESULTS.mkdir(exist_ok=True)
    programs = sorted(FOLDER.glob("bench_*.py"))
    topics = {program.stem.removeprefix("bench_"): program for program in programs}
    unknown = set(chosen) - set(topics)
    if unknown:
        print(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(topics)}")
        return 2
    failed = 0
    for topic in chosen or topics:
        print(f"\n== {topic}", flush=True)
        done = subprocess.run(
            [sys.executable, str(topics[topic])],
            env=os.environ | ONE_THREAD,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        (RESULTS / f"{topic}.txt").write_text(done.stdout, encoding="utf-8")
        print(done.stdout, end="")
        if done.returncode:
            failed += 1
            print(f"{topic} failed with exit code {done.returncode}")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
