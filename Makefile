# make setup | demo | test | check | docs | wheels | bench CASE=name | prove CASE=name
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
export PYTHONHASHSEED ?= random
# Empty is unset: what is ours is compiled once too, not by every process that a test or benchmark starts.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup demo check test bench prove docs clean stub wheels
.DEFAULT_GOAL := help

help:
	@echo "make setup               make $(VENV) with all that is needed here"
	@echo "make demo                flights out of New York: raw data in, a served model out"
	@echo "make check               lint, types, floors and the fast tests (under 2 minutes)"
	@echo "make test                everything that must hold, as CI runs it"
	@echo "make bench CASE=row      one row of the table of figures; without CASE it lists them"
	@echo "make wheels              whether all third parties have wheels for Linux, macOS and each Python (asks the index)"
	@echo "make prove CASE=kill     a long matrix at full count; without CASE it lists them"
	@echo "make docs                the documentation as a site in site/, to be read offline"

setup: $(STAMP)

KERNELS := $(wildcard src/headrace/*/kernels/*.c)

$(STAMP): pyproject.toml setup.py requirements/dev.txt tools/setup.sh $(KERNELS)
	@PYTHON="$(PYTHON)" sh tools/setup.sh $(VENV)
	@touch $@

demo: setup
	@$(BIN)/python examples/flights/demo.py

check: setup
	@$(BIN)/python tools/check.py

test: setup
	@$(BIN)/python tools/test.py

bench: setup
	@$(BIN)/python benchmarks/run.py $(CASE) $(ARGS)

prove: setup
	@$(BIN)/python proofs/run.py $(CASE) $(ARGS)

docs: setup
	@sh tools/environment.sh docs
	@$(BIN)/python tools/docs.py

wheels: setup
	@$(BIN)/python tools/wheels.py

stub: setup
	@$(BIN)/python tools/stub.py

clean:
	rm -rf $(VENV) .venvs .cache build dist site .mypy_cache .ruff_cache .hypothesis examples/flights/.headrace examples/flights/data examples/flights/coming
