# make demo    installs, trains a small GN2 on the bundled jets, evaluates it, and reports on it
# make docs    builds the documentation into site/
# make test    lint, types and the tests (under 10 minutes on 2 cores)
# make coverage    what those tests run of the code, line by line; fails below 90%
# make mutation    whether the tests of losses, registry and configuration notice changed code (an hour)
#
# PyTorch: on a machine without a GPU the build of constraints/cpu.txt. Say otherwise with
#   make install CONSTRAINTS=my-constraints.txt

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CONSTRAINTS ?= $(if $(shell command -v nvidia-smi),constraints/gpu.txt,constraints/cpu.txt)
INSTALLED := $(VENV)/.installed
RUN_OF_DEMO = $$(ls -td logs/GN2_demo*/ | head -n 1)
JOBS ?= 2

.PHONY: install demo docs test test-full coverage mutation lint clean

install: $(INSTALLED)

$(INSTALLED): pyproject.toml $(CONSTRAINTS) salt_core/nn/attention_kernel.c
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) torch
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable '.[dev]'
	touch $@

demo: install
	$(BIN)/salt fit --config configs/GN2.yaml --config configs/demo.yaml --name GN2_demo --force
	$(BIN)/salt test --config $(RUN_OF_DEMO)config.yaml --data.write_constituents true \
	    --data.extra_vars.tracks '[ftagTruthOriginLabel, ftagTruthVertexIndex]'
	$(BIN)/salt report $(RUN_OF_DEMO) --formats png
	@echo "Metrics, checkpoints and report/report.html are in $(RUN_OF_DEMO)"

docs: install
	$(BIN)/mkdocs build --strict

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses $(JOBS) -m 'not full'

test-full: lint
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses $(JOBS) -m 'not full'
	$(BIN)/pytest -s -m full

# One test limits the size of files, and what coverage writes is larger.
coverage: install
	$(BIN)/coverage erase
	OMP_NUM_THREADS=1 $(BIN)/coverage run -m pytest --numprocesses $(JOBS) -m 'not full' \
	    --deselect tests/core/training/test_archive.py::test_a_full_disk_ends_a_training_with_one_message
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

mutation: install
	OMP_NUM_THREADS=1 $(BIN)/mutmut run --max-children $(JOBS)
	$(BIN)/mutmut results

clean:
	rm -rf $(VENV) build dist site *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage* mutants
