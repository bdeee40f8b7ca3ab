# One way to do each thing; every target sets itself up on a machine with Python 3.11 or newer, git and make.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
TOOLS  := $(VENV)/tools
DATASETTE := $(VENV)/datasette
SECONDS ?= 600
KILLS ?= 240
ON_ALL_CORES := --numprocesses auto --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help demo test long wheel-test cli-page lint types bench soak histories kills faults fuzz busy mutants clean

help:            ## list these commands
	@grep -E '^[a-z-]+: .*##' Makefile | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 14

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $@

$(TOOLS)/.ready: pyproject.toml $(READY)
	$(PYTHON) -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip install --quiet --upgrade "pip>=25.1" && $(TOOLS)/bin/python -m pip install --quiet --group tools || \
	  { echo "make soak drives mlflow, optuna, LangGraph and llm. pip says above why they could not be installed; run it again where PyPI can be reached"; exit 1; }
	@touch $@

demo: $(READY)   ## the main job on the Chinook music shop: three replicas, offline writes, sync, live syncs, proof of convergence
	@$(BIN)/crdtsql demo

test: $(READY)   ## all tests but the long ones, on all cores
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -m "not long" $(ON_ALL_CORES)

long: $(READY)   ## the long ones: random histories against the model, kills, the same with many schemas; .ci/run runs them too
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -m long $(ON_ALL_CORES)

wheel-test: $(READY)  ## build the wheel, install it into a fresh environment, run the demo and the README there
	rm -rf build dist
	$(BIN)/python -m build --quiet --wheel
	$(PYTHON) -m venv build/wheel
	build/wheel/bin/python -m pip install --quiet dist/*.whl pytest
	cd build && wheel/bin/crdtsql demo > /dev/null && wheel/bin/python -m pytest -q -p no:cacheprovider --rootdir ../tests ../tests/docs/test_readme.py

cli-page: $(READY)  ## write docs/CLI.md anew from the commands' --help
	$(BIN)/python -m tests.docs.make_cli

lint: $(READY)   ## ruff, and the house rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)  ## mypy, strict
	$(BIN)/mypy

bench: $(READY)  ## measure against plain SQLite in the same run; ARGS="--rows 100000 --crsqlite PATH"
	$(BIN)/python -m benchmarks $(ARGS)

$(DATASETTE)/.ready: pyproject.toml $(READY)
	$(PYTHON) -m venv $(DATASETTE)
	@$(DATASETTE)/bin/python -m pip install --quiet --upgrade "pip>=25.1" && $(DATASETTE)/bin/python -m pip install --quiet --editable . "datasette>=1.0a40" || \
	  { echo "make soak tests the plugin of Datasette with the alpha of 1.0. pip says above why it could not be installed"; exit 1; }
	@touch $@

soak: $(READY) $(TOOLS)/.ready $(DATASETTE)/.ready  ## long runs: mlflow, optuna, LangGraph and llm, random histories for SECONDS, then kills, failing calls, statements and hostile files, and 1,000 kills of each command, or as many as SECONDS allow
	CRDTSQL_TOOLS=$(TOOLS)/bin/python $(BIN)/python -m pytest -q tests/programs/trackers.py tests/programs/agent_tools.py
	CRDTSQL_DATASETTE=$(DATASETTE)/bin/python $(BIN)/python -m pytest -q tests/interop/test_datasette.py
	CRDTSQL_SEEDS=175 $(BIN)/python -m pytest -q tests/machines/simulation/constrained/test_constrained.py
	$(BIN)/python -m tests.machines.simulation.soak --seconds $(SECONDS)
	CRDTSQL_KILLS=$(KILLS) CRDTSQL_FAULTS=1 CRDTSQL_SEEDS=$(SECONDS) CRDTSQL_STATEMENTS=$$(( $(SECONDS) * 100 )) CRDTSQL_MATRIX=1 \
	  CRDTSQL_FUZZ=$$(( $(SECONDS) * 10 )) CRDTSQL_SCHEMA_SEEDS=$(SECONDS) CRDTSQL_TAMPERINGS=1000 CRDTSQL_TAMPERING_VERBS=4 CRDTSQL_CUTS=$(SECONDS) CRDTSQL_POWER_CUTS=$$(( $(SECONDS) / 10 + 21 )) \
	  CRDTSQL_NETWORKS=$$(( $(SECONDS) / 60 + 1 )) \
	  $(BIN)/python -m pytest -q tests/machines --ignore tests/machines/simulation tests/programs \
	  tests/capture/test_statement_matrix.py tests/evolve/test_tampering.py tests/conflicts/test_conflicts.py \
	  tests/fold/test_homomorphism.py tests/store/test_waiting.py tests/numbers/test_meant.py tests/transports/http/test_faults.py
	$(BIN)/python -m tests.machines.faults.killing --each 1000 --seconds $(SECONDS)

histories: $(READY)  ## random histories of all generators for SECONDS, new ones in each run; histories.json adds up what ran clean
	$(BIN)/python -m tests.machines.ledger --seconds $(SECONDS)

kills: $(READY)  ## kills of all commands for SECONDS, at moments that no run had; kills.json adds up what ended well
	$(BIN)/python -m tests.machines.faults.killing --seconds $(SECONDS)

faults: $(READY) ## let every call of the operating system fail, in all commands, for SECONDS; faults.json keeps how far it is on a tree
	$(BIN)/python -m tests.machines.faults.failing --seconds $(SECONDS)

fuzz: $(READY)   ## hostile changesets, guided by coverage, for SECONDS; fuzz.json adds up executions
	$(BIN)/python -m pip install --quiet --group fuzz
	$(BIN)/python -m tests.machines.fuzz.guided --seconds $(SECONDS)

busy: $(READY)   ## writers, readers, watchers, a server and commands on one file at once, for SECONDS; says who waited how long
	$(BIN)/python -m tests.machines.busy.crowd --seconds $(SECONDS)

mutants: $(READY)  ## seed bugs one by one; the tests named for it, or 1,000 histories, must notice each of them
	$(BIN)/python -m tests.machines.mutants --seeds 1000

clean:           ## remove what the commands above made
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
