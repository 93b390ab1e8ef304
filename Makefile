# Two commands are enough: `make run` and `make test`. The first use makes a virtual environment in .venv.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PORT ?= 8080
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --require-virtualenv
# Of pip's many lines, the names of the packages: a first run shows that it is alive.
PROGRESS := awk '/^Collecting/ { sub(/[^A-Za-z0-9_.-].*/, "", $$2); printf " %s", $$2; fflush() } /^ERROR/ { print; fflush() } END { print "" }'

.PHONY: help run test infra lint format load crash model lab drill restore wheel clean

help: ## what you can ask for
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: .venv/.ok ## start everything on this machine and open http://127.0.0.1:8080 (PORT=8080)
	@exec $(BIN)/reseptformidler dev --port $(PORT)

test: .venv/.ok ## all tests, against a PostgreSQL of their own (ARGS="-k ekspedering -x")
	@$(BIN)/python -m pytest $(ARGS)

infra: .venv/.infra ## tests of manifests, image, alerts, network and backups (needs Debian's packages: docs/datacentres.md; root)
	@$(BIN)/python -m pytest tests/k8s tests/lab tests/monitoring tests/restore $(ARGS)

lint: .venv/.lint ## style, types, imports, stale documents, tidiness
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python docs/generate.py --check
	@$(BIN)/python -m pytest -q tests/tidy

format: .venv/.lint ## let ruff put the code in order
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

crash: .venv/.ok ## kill -9 under load, 50 rounds, and the checker's verdict (ARGS="--rounds 10 --seed 1")
	@$(BIN)/python -m loadtest.crash $(ARGS)

model: .venv/.ok ## walk the whole life against a small model (STEPS=1000000 SEED=1; ARGS=--faults)
	@$(BIN)/python -m tests.model $(if $(STEPS),--steps $(STEPS)) $(if $(SEED),--seed $(SEED)) $(ARGS)

lab: .venv/.lab ## three datacentres on this machine, until Ctrl-C (root)
	@$(BIN)/python -m loadtest.lab $(ARGS)

drill: .venv/.lab ## faults in the lab, and the checker's verdict (ROUNDS=25 SEED=1; root)
	@$(BIN)/python -m loadtest.drill $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED)) $(ARGS)

restore: .venv/.ok .venv/.barman ## a backup under load, a disaster, every row compared (ARGS="--seconds 60 --prescriptions 100000")
	@$(BIN)/python -m loadtest.restore $(ARGS)

load: .venv/.load ## an open-loop load test of this machine (ARGS=…)
	@$(BIN)/python -m loadtest $(ARGS)

wheel: .venv/.ok ## build the package into dist/
	@$(PIP) wheel --no-deps --wheel-dir dist .

clean: ## remove what make made
	@rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

# Installed anew when the dependencies may have changed. The system's own pip and packages are never touched; only
# Debian's venv module is added, and only when root runs this where it is missing.
.venv/.ok: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'Python 3.11 or newer is needed: make PYTHON=/path/to/python3'; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || $(MAKE) --no-print-directory python3-venv
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
	@printf 'Installing into .venv (about 15 s):'
	@$(PIP) install --editable '.[test]' | $(PROGRESS)
	@touch $@

.venv/.lint: .venv/.ok
	@printf 'Installing the checkers:'
	@$(PIP) install --editable '.[test,lint]' | $(PROGRESS)
	@touch $@

.venv/.load: .venv/.ok
	@printf 'Installing what the load test needs:'
	@$(PIP) install --editable '.[test,load]' | $(PROGRESS)
	@touch $@

.venv/.lab: .venv/.ok
	@printf 'Installing what the lab needs:'
	@$(PIP) install --editable '.[test,lab]' | $(PROGRESS)
	@touch $@

.venv/.infra: .venv/.lab
	@printf 'Installing what checks the infrastructure:'
	@$(PIP) install --editable '.[test,lab,infra]' | $(PROGRESS)
	@touch $@

# Barman is a program beside us, with an environment of its own.
.venv/.barman: loadtest/restore/requirements.txt .venv/.ok
	@command -v rsync >/dev/null || { echo 'Barman restores with rsync: sudo apt-get install rsync'; exit 1; }
	@[ -x .venv/barman/bin/python ] || $(PYTHON) -m venv .venv/barman
	@printf 'Installing Barman:'
	@.venv/barman/bin/python -m pip --disable-pip-version-check --require-virtualenv install --no-deps -r $< | $(PROGRESS)
	@touch $@

.PHONY: python3-venv
python3-venv:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo 'Python has no venv module: installing the package python3-venv'; \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv >/dev/null; \
	else \
		echo 'Python has no venv module. On Debian and Ubuntu: sudo apt-get install python3-venv'; exit 1; \
	fi
