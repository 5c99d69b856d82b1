# Every target makes .venv itself; nothing has to be installed by hand but Python 3.11, pip and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
RAY_READY := $(VENV)/.ray

# On a machine lent for some minutes nothing is installed: what is there has to do.
GPU_PYTHON ?= $(firstword $(wildcard $(BIN)/python) $(PYTHON))

# Files of tests side by side, one after another with JOBS=0: one more than there are cores, since those of a server
# wait for it, and four at most, since each process makes its own toys.
JOBS ?= $(shell cores=$$(nproc 2>/dev/null || echo 2); echo $$((cores < 3 ? cores + 1 : 4)))

.PHONY: help setup demo demo-repair check format test test-long gpu clean

help:  ## Say what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(READY): requirements.txt requirements-dev.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -r requirements-dev.txt
	touch $@

$(RAY_READY): $(READY) requirements-ray.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-ray.txt
	touch $@

setup: $(READY)  ## Make .venv with everything in it

demo: $(READY)  ## Train a backdoored model, defend it, serve it, show before and after
	$(BIN)/python -m scripts.demo

demo-repair: $(READY)  ## The same with a repair before it, and a clean model's figures beside
	$(BIN)/python -m scripts.demo --repair

check: $(READY)  ## Lint, format and type checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)  ## Rewrite the code the way `check` wants it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: $(READY) $(if $(RAY),$(RAY_READY))  ## The fast tests, the live server included; RAY=1 installs Ray for its own
	$(BIN)/python -m pytest -n $(JOBS) --no-loadscope-reorder

test-long: $(READY)  ## The tests that take minutes; FIGURES=results keeps what they measure
	$(BIN)/python -m pytest -m slow $(if $(FIGURES),--figures $(FIGURES))

gpu:  ## All that wants a GPU, in eight minutes; GPU_PYTHON=python3 where there is no .venv
	$(GPU_PYTHON) -m scripts.measure_card --out build/card

clean:  ## Remove what was built, keep .venv
	rm -rf build logs model_store/*.mar model_store/*.mar.sig
