# "make help" lists what there is. Everything happens in .venv; nothing is installed elsewhere.
# Written for GNU make 3.81, which macOS has.

SHELL := /bin/bash
VENV ?= .venv
# which Python the environment is made with; empty: the newest that start.sh finds
PYTHON ?=
# further words for the program that a target runs: make test ARGS="tests/push -k gzip"
ARGS ?=
# of make hell: how many rounds for each receiver, and which; a seed repeats them
ROUNDS ?= 500
SEED ?= $(shell date +%s)

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
PROTO := ccpush/push/remote_write/proto
SERVERS := $(abspath $(VENV))/servers
SCRIPTS := start.sh .ci/run .ci/servers
SOURCES := $(shell find ccpush -type f ! -name '*.pyc') README.md LICENSE

# its name changes when a file comes or goes, which no file's time would tell
INSTALLED := $(VENV)/.installed-$(shell echo $(sort $(SOURCES)) | cksum | cut -d ' ' -f 1)

.DELETE_ON_ERROR:
.PHONY: help test hell lint format coverage bench demo docs prices proto build clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-10s %s\n", $$1, $$2 }'

test: $(INSTALLED)  ## install what the tests need, and run them all
	@.ci/servers $(SERVERS)
	PATH="$$PATH:$(SERVERS)/usr/bin" $(BIN)/python -Im pytest $(ARGS)

coverage: $(INSTALLED)  ## run the tests and say which lines they never reach
	@.ci/servers $(SERVERS)
	PATH="$$PATH:$(SERVERS)/usr/bin" \
	  $(BIN)/python -Im pytest --cov --cov-report=term-missing:skip-covered $(ARGS)

hell: $(INSTALLED)  ## push through 500 rounds of faults and kills (ROUNDS=, SEED=)
	@.ci/servers $(SERVERS)
	PATH="$$PATH:$(SERVERS)/usr/bin" HELL_ROUNDS=$(ROUNDS) HELL_SEED=$(SEED) \
	  $(BIN)/python -Im pytest -s tests/hell/test_hell.py $(ARGS)

lint: $(INSTALLED) $(VENV)/.lint  ## ruff, mypy, import-linter, shellcheck
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@if command -v shellcheck >/dev/null; then set -x; shellcheck $(SCRIPTS); \
	  else echo 'SKIPPED: shellcheck is not installed'; fi

format: $(VENV)/.lint  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED)  ## measure, each figure beside its baseline (ARGS=--quick for less)
	$(BIN)/python bench/run.py $(ARGS)

demo: $(INSTALLED)  ## invent a Claude home and run on it, until Ctrl-C
	$(BIN)/ccpush demo $(ARGS)

docs: $(INSTALLED)  ## make the generated tables and pages anew
	$(BIN)/python docs/generate.py $(ARGS)

prices: $(INSTALLED)  ## make the price table anew from the installed genai-prices
	$(BIN)/python prices/generate.py ccpush/prices/table.json

# Code from a newer protoc refuses older libraries; see the README beside the source.
proto:  ## generate the remote-write messages (needs protoc 3.21)
	@case "$$(protoc --version 2>/dev/null)" in 'libprotoc 3.21.'*) ;; \
	  *) echo 'Error: needs protoc 3.21 (Debian 12: apt install protobuf-compiler)' >&2; exit 1 ;; esac
	protoc --proto_path=$(PROTO) --python_out=$(PROTO) --pyi_out=$(PROTO) \
	  remote_write_v1.proto remote_write_v2.proto

build: $(INSTALLED)  ## make the wheel and the sdist, in dist/
	rm -rf dist
	$(BIN)/hatchling build

clean:  ## remove everything that the targets above have made
	rm -rf $(VENV) dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache \
	  .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Dependency groups need pip 25.1; a system's own is often older.
$(VENV)/.made:
	python=$$(PYTHON="$(PYTHON)" ./start.sh --which-python) && "$$python" -m venv $(VENV)
	$(PIP) install --quiet --upgrade 'pip>=25.1'
	touch $@

$(VENV)/.tests: $(VENV)/.made pyproject.toml
	$(PIP) install --quiet --group tests .
	touch $@

# Not editable: the tests are to see what a user gets, and would not notice a file that is left out.
$(INSTALLED): $(VENV)/.tests $(SOURCES)
	$(PIP) install --quiet --no-deps --no-build-isolation --force-reinstall .
	rm -f $(VENV)/.installed-*
	touch $@

$(VENV)/.lint: $(VENV)/.made pyproject.toml
	$(PIP) install --quiet --group lint
	touch $@
