# Two commands to begin with: `make demo` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
export DAGSTER_HOME := $(CURDIR)
export DAGSTER_DISABLE_TELEMETRY := yes

.PHONY: doctor help demo monday train sunday test check lint format types walls graph ui up bench leakproof verify-record clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

.venv/.run: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing (a few minutes the first time) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

.venv/.dev: .venv/.run
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: .venv/.run ## trade the practice market's last weeks and show the report
	@$(BIN)/python -m learnfinance_dagster demo

doctor: .venv/.run ## what is reachable, what is missing, and where to get it
	@$(BIN)/python -m learnfinance_dagster doctor

ui: .venv/.run ## the Dagster web UI on http://127.0.0.1:3000
	@$(BIN)/python -m learnfinance_dagster prepare --port $${PORT:-3000}
	@exec $(BIN)/dagster dev -w workspace.yaml -h 127.0.0.1 -p $${PORT:-3000}

up: .venv/.run ## web UI, daemon and code server on PostgreSQL; see deploy/README.md
	@exec $(BIN)/python -m learnfinance_dagster up --port $${PORT:-3000}

monday: .venv/.run ## WEEK=2025-12-22 [DRY=1] [CONFIRM=2025-12-22]: run one Monday; CONFIRM where money is real
	@test -n "$(WEEK)" || { echo "which one? make monday WEEK=2025-12-22"; exit 1; }
	@$(BIN)/python -m learnfinance_dagster monday $(WEEK) $(if $(DRY),--dry-run) $(if $(CONFIRM),--confirm-real-money $(CONFIRM))

train: .venv/.run ## WEEK=2025-12-22 [FORECASTER=lstm]: train forecasters for a Monday
	@test -n "$(WEEK)" || { echo "which one? make train WEEK=2025-12-22"; exit 1; }
	@$(BIN)/python -m learnfinance_dagster train $(WEEK) $(FORECASTER)

sunday: .venv/.run ## WEEK=2025-12-22 [FULL=1]: train and judge the policies for a Monday
	@test -n "$(WEEK)" || { echo "for which Monday? make sunday WEEK=2025-12-22"; exit 1; }
	@$(BIN)/python -m learnfinance_dagster sunday $(WEEK) $(if $(FULL),--full)

test: .venv/.dev ## the tests
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow" $(ARGS)

check: .venv/.dev lint types walls ## everything that CI runs: rules, types, walls, and `make test` with coverage
	@$(MAKE) --no-print-directory test ARGS="--cov --cov-report=term --cov-fail-under=95 $(ARGS)"

lint: .venv/.dev ## ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: .venv/.dev ## rewrite the code in the house's format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: .venv/.dev ## pyright
	@$(BIN)/pyright

walls: .venv/.dev ## who may import whom
	@$(BIN)/lint-imports

graph: .venv/.run ## rewrite docs/graph.md after a change of the asset graph
	@$(BIN)/python -m learnfinance_dagster graph

bench: .venv/.dev ## benchmarks, each beside a baseline
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

leakproof: .venv/.run ## WEEK=2025-12-22: poison the future and show that nothing changes
	@test -n "$(WEEK)" || { echo "which one? make leakproof WEEK=2025-12-22"; exit 1; }
	@$(BIN)/python -m learnfinance_dagster leakproof $(WEEK)

verify-record: .venv/.run ## [SHA=…]: check the chain of recorded plans; SHA from an e-mail must be in it
	@$(BIN)/python -m learnfinance_dagster verify-record $(SHA)

clean: ## forget everything made at run time (reports, ledger, practice market)
	@rm -rf data/practice data/directory-* data/dagster
