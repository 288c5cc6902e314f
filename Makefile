# Everything a newcomer needs: `make demo`, then `make test`. Only python3 (3.11 or later, with venv), make
# and git are assumed; what is installed comes from requirements/*.txt, locked by hash.

PYTHON ?= python3
BIN := .venv/bin
# Twice quiet: what an installation's own pip settings warn about is not ours to show; errors are.
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --quiet
# One worker a core is quickest, also where there are only two.
# One hash seed, so that the workers collect the same tests in the same order, run after run.
PYTEST := PYTHONHASHSEED=0 $(BIN)/pytest -n auto --maxprocesses 8
ARGS ?=
# What is installed beside the gateway itself: requirements/NAME.txt each. `make setup EXTRAS=` for none.
EXTRAS ?= aws azure google litellm postgres valkey

.DEFAULT_GOAL := help
.PHONY: setup demo test test-real check bench agents soak docs help

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: .venv/.runtime $(EXTRAS:%=.venv/.extra-%) ## build .venv: what the gateway needs, and the program itself as .venv/bin/sekisho

demo: .venv/.runtime ## scripted provider, gateway and ledger in one command (ARGS=--once: run through and end)
	@$(BIN)/sekisho demo $(ARGS)

test: .venv/.dev ## the tests that need nothing but Python packages (ARGS=tests/unit/wire: only those)
	@$(PYTEST) $(ARGS)

test-real: .venv/.dev ## the tests with real coding agents and Debian's servers
	@$(BIN)/pytest -m real $(ARGS)

check: .venv/.dev ## format, lint, types, layers, shape
	@$(BIN)/ruff format --check --quiet . || { $(BIN)/ruff format --diff --quiet .; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo --config pyproject.toml
	@$(BIN)/pytest -q tests/architecture tests/docs

bench: .venv/.dev ## CPU, latency and memory beside nginx in the same run; writes docs/benchmarks.md
	@$(BIN)/python -m bench $(ARGS)

agents: .venv/.dev ## real coding agents and SDKs through the gateway (ARGS=--foreign: on the other dialect's provider)
	@$(BIN)/python scripts/run_agents.py $(ARGS)

soak: .venv/.dev ## hours of mixed load, watching memory and latency (ARGS="--minutes 60")
	@$(BIN)/python -m bench.soak $(ARGS)

docs: .venv/.dev ## write the pages that are made from the code
	@$(BIN)/python scripts/write_docs.py $(ARGS)

.venv/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Sekisho needs Python 3.11 or later: make PYTHON=python3.12 setup"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' || { echo "This Python has no venv: on Debian, apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -m venv .venv
	@touch $@

# The package itself is a link to src/, so only the pins make an install necessary.
.venv/.runtime: .venv/.python requirements/build.txt requirements/runtime.txt pyproject.toml
	@echo "Installing what the gateway needs into .venv"
	@$(PIP) --require-hashes -r requirements/build.txt -r requirements/runtime.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.extra-%: requirements/%.txt .venv/.runtime
	@echo "Installing the extra '$*' into .venv"
	@$(PIP) --require-hashes -r $<
	@touch $@

.venv/.dev: .venv/.runtime requirements/dev.txt
	@echo "Installing what the tests need into .venv"
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@
