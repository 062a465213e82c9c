"""The default way needs no network, no Java and no translator, and says the same twice.

A process of its own, in a network namespace without any network where the machine lets us make one,
and in any case with every connection refused; without Java on its path and without the packages of
the extra ``spark``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
GUARD = """
import hashlib, importlib.util, sys
from pathlib import Path

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "urllib.Request"):
        raise OSError("no network: " + event)

sys.addaudithook(refuse)
for name in ("pyspark", "sqlglot", "py4j"):
    sys.modules[name] = None

def module(path):
    spec = importlib.util.spec_from_file_location("examples", path)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found

folder = Path(sys.argv[2])
"""
TEN = """
ten = module(sys.argv[1] + "/test_worked_example.py")
ten.test_what_was_worked_out_by_hand_comes_out(ten.from_files(folder))
print("fine")
"""
EVERYTHING = '''
import duckdb
import pandas as pd
import pyarrow as pa
from retention.datasets import read_tables, simulate_company
from retention.project import Project

examples = module(sys.argv[1] + "/conftest.py")
company = simulate_company(80, seed=11)
sources = ""
for place, (name, frame) in enumerate(sorted(company.tables.items())):
    kind = ("csv", "gb18030", "parquet", "duckdb", "excel")[place % 5]
    path = folder / f"{name}.{'csv' if kind == 'gb18030' else 'xlsx' if kind == 'excel' else kind}"
    sources += f'[tables.{name}]\\npath = "{path.name}"\\n'
    if kind == "csv":
        frame.to_csv(path, index=False)
    elif kind == "gb18030":
        frame.to_csv(path, index=False, encoding=kind)
        sources += 'encoding = "gb18030"\\n'
    elif kind == "parquet":
        frame.to_parquet(path)
    elif kind == "excel":
        frame.to_excel(path, index=False, engine="xlsxwriter")
    else:
        with duckdb.connect(str(path)) as file:
            file.register("frame", pa.Table.from_pandas(frame))
            file.execute("create table t as select * from frame")
        sources += 'relation = "t"\\n'
head = f"""[project]
name = "Shop"
currency = "EUR"
observed_from = {company.window.start}
data_cutoff = {company.window.cutoff}
"""
items = "".join(
    f'[items."{item}"]\\n' + "".join(f"{key} = {value!r}\\n" for key, value in said.items())
    for item, said in examples.ITEMS.items()
)
(folder / "retention.toml").write_text(head + sources + items, encoding="utf-8")
tables = read_tables(Project.load(folder))
assert len(tables.names) == 16
assert all(check.set_aside == 0 for check in tables.check.tables.values())
said = {name: examples.outcome(f, tables) for name, f in examples.every_feature().items()}
refused = [name for name, what in said.items() if "refused" in what]
digest = hashlib.sha256()
for name, parts in said.items():
    for part, value in parts.items():
        held = isinstance(value, (pd.DataFrame, pd.Series))
        digest.update(f"{name} {part} {list(getattr(value, 'columns', []))}".encode())
        rows = pd.util.hash_pandas_object(value).to_numpy() if held else repr(value).encode()
        digest.update(rows)
print(len(said), len(refused), digest.hexdigest())
'''


def run(program: str, folder: Path) -> str:
    """Run the program in a namespace of its own, and return what it says."""
    folder.mkdir()
    alone = [shutil.which("unshare") or "unshare", "--net"]
    if subprocess.run([*alone, "true"], check=False, capture_output=True).returncode:
        alone = []
    hidden = {name: value for name, value in os.environ.items() if not name.startswith("JAVA")}
    # java is not on the path: only Python's own folder is
    environment = hidden | {"PATH": str(Path(sys.executable).parent)}
    done = subprocess.run(
        [*alone, sys.executable, "-c", GUARD + program, str(HERE), str(folder)],
        capture_output=True, text=True, timeout=300, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_files_are_read_and_counted_without_network_and_java(tmp_path):
    assert run(TEN, tmp_path / "ten") == "fine\n"


@pytest.mark.slow
def test_every_feature_works_without_network_and_java_and_says_the_same_twice(tmp_path):
    first, second = (run(EVERYTHING, tmp_path / turn) for turn in ("first", "second"))
    assert first == second
    count, refused, _ = first.split()
    assert int(count) > 60
    assert int(refused) <= 3  # a company of 80 customers is too small for some
