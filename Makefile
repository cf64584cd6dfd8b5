# make demo    installs, trains a small GN2 on the bundled jets, evaluates it, and reports on it
# make docs    builds the documentation into site/
# make test    lint, types and the tests (under 10 minutes on 2 cores)
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

.PHONY: install demo docs test test-full lint clean

install: $(INSTALLED)

$(INSTALLED): pyproject.toml $(CONSTRAINTS)
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

clean:
	rm -rf $(VENV) build dist site *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
