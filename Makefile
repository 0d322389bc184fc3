# The commands of Proxenia's checkout; `make` alone lists them. All that they need is python3 (3.11 or newer) with venv.
#
#   PYTHON=…  the interpreter for the virtual environment     VENV=…  where that is (default .venv)

SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
export VENV ?= .venv
export PYTHON ?=
BIN = $(VENV)/bin
# How many processes test at once; what shares a system stays in one of them (tests/conftest.py).
PROCESSES ?= 2
# Debian packages that tests need; installed when root. Without them, what needs them says so and is skipped.
TEST_PACKAGES ?= bind9 avahi-daemon dbus iproute2 prometheus chromium

.PHONY: help demo test check lint types imports shape bench reference screenshots stubs lock clean

help:
	@echo 'make demo                  three organisations on this machine; Ctrl-C removes them'
	@echo 'make demo CHECK=1          the same, checked and torn down; one JSON document on standard output'
	@echo 'make test ARGS=…           all tests, with a real Envoy and a real PostgreSQL; ARGS go to pytest'
	@echo 'make check                 ruff, mypy, import-linter and the shape of the code base'
	@echo 'make bench NAME=… QUICK=1  one benchmark of bench/; JSON lines on standard output'
	@echo 'make reference             rewrite docs/reference/ from the code'
	@echo 'make screenshots TO=…       pictures of every page of the dashboard (build/screenshots), after MINUTES=… of life; README=1 renews those of README.md'
	@echo 'make stubs                 rewrite typings/ from the Envoy messages that are imported'
	@echo 'make lock UPGRADE=1        pin the dependencies again'
	@echo 'make clean                 remove the virtual environment and caches'

# What is installed follows the pinned versions; tools/setup touches both stamps. All it prints goes to standard error.
$(VENV)/.run: constraints.txt pyproject.toml tools/setup
	@tools/setup run

$(VENV)/.dev: constraints-dev.txt pyproject.toml tools/setup
	@tools/setup dev

demo: $(VENV)/.run
	@exec $(BIN)/proxenia demo $(if $(filter-out 0,$(CHECK)),--check -o json)

test: $(VENV)/.dev
	@tools/setup packages $(TEST_PACKAGES)
	$(BIN)/python -m pytest -n $(PROCESSES) --no-loadscope-reorder $(ARGS)

check: lint types imports shape

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

imports: $(VENV)/.dev
	$(BIN)/lint-imports

shape: $(VENV)/.dev
	$(BIN)/python -m pytest -q tests/shape

bench: $(VENV)/.dev
	@test -n "$(NAME)" || { echo 'make bench: expected NAME=…, one of bench/*.py (NAME=path for bench/path.py)' >&2; exit 2; }
	@exec $(BIN)/python -m bench.$(NAME)

reference: $(VENV)/.dev
	$(BIN)/python -m tools.reference

screenshots: $(VENV)/.dev
	@tools/setup packages chromium fonts-inter
	@exec $(BIN)/python -m tools.screenshots $(TO) $(if $(filter-out 0,$(README)),--readme) $(if $(MINUTES),--minutes=$(MINUTES))

stubs: $(VENV)/.dev
	$(BIN)/python tools/stubs.py

lock:
	tools/lock

clean:
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage dist
	find . -name __pycache__ -prune -exec rm -rf {} +
