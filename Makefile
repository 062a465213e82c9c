# Needs python3 and make, nothing else. On Windows type the lines after `retention` by hand.
PYTHON  ?= python3
VENV    ?= .venv
BIN     := $(VENV)/bin
EXTRAS  ?= dev
PERIOD  ?=
DEMO    ?= 2000

export OPENBLAS_NUM_THREADS = 1
export OMP_NUM_THREADS = 1
export MKL_NUM_THREADS = 1

.PHONY: help setup report test lint check-all versions bench spark lock clean

help:  ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --constraints constraints.txt --editable ".[$(EXTRAS)]"
	@touch $@

setup: $(VENV)/ready  ## the environment in .venv

report: setup data/demo.json  ## the demo company's report for the latest closed month; PERIOD=2026-10 for another
	$(BIN)/python -m retention report $(if $(PERIOD),--period $(PERIOD))

data/demo.json: | setup
	$(BIN)/python -m retention init . --example demo --data-only --customers $(DEMO)

test: setup  ## the tests, linter, types and layer contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist worksteal

check-all: setup  ## every test there is: simulation studies, browser, faults (long)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not spark"

versions: setup  ## the oldest and the newest DuckDB and sqlglot allowed: tests in both, one text for Spark
	$(BIN)/python benchmarks/versions.py

bench: setup  ## ratios against peers and bare limits, each in one run
	$(BIN)/python benchmarks/run.py

spark: ## the features on Spark (two workers on the loopback) and on DuckDB, compared (needs Java 17)
	$(MAKE) setup EXTRAS=dev,spark VENV=$(VENV)
	$(BIN)/python -m pytest -m spark
	$(BIN)/python benchmarks/spark_compare.py

lock: setup  ## constraints.txt and requirements.lock anew from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --no-header --no-annotate --quiet --output-file constraints.txt
	$(BIN)/uv pip compile pyproject.toml --constraints constraints.txt --extra examples --extra excel --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet --output-file requirements.lock

clean:  ## remove what was made, but neither data/ nor reports/
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
