# Two commands do everything: `make demo` and `make test`. Both need Python 3.11 to 3.13 and make.
SHELL := /bin/sh
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null 2>&1 && \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && \
	echo $$p && break; done)

ifdef UV
MAKE_VENV = $(UV) venv --quiet --allow-existing --python ">=3.11,<3.14" $(VENV)
INSTALL = $(UV) pip install --quiet --python $(BIN)/python
else
MAKE_VENV = $(PYTHON) -m venv $(VENV)
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check
endif

.PHONY: help demo test lint format lock clean

help: ## Say what there is to make
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

$(VENV)/.runtime: requirements.lock pyproject.toml
	@test -n "$(UV)$(PYTHON)" || { echo "docmill needs Python 3.11, 3.12 or 3.13 on the PATH"; exit 1; }
	$(MAKE_VENV)
	$(INSTALL) -r requirements.lock
	$(INSTALL) --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	$(INSTALL) -r requirements-dev.lock
	@touch $@

demo: $(VENV)/.runtime ## Run the pipeline over sample_docs: no key, no server, one report
	$(BIN)/docmill run sample_docs --out lake

test: $(VENV)/.dev ## Run every test, a file at a time on every core
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: $(VENV)/.dev ## Check style, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev ## Format the code
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lock: ## Pin every dependency anew (needs uv)
	$(UV) pip compile pyproject.toml --universal --python-version 3.11 --no-emit-index-url \
		--no-header --upgrade --output-file requirements.lock
	$(UV) pip compile pyproject.toml --group dev --universal --python-version 3.11 \
		--no-emit-index-url --no-header --constraint requirements.lock \
		--output-file requirements-dev.lock

clean: ## Remove the environment and the demo's lake
	rm -rf $(VENV) lake
