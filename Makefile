# Everything a person or CI does here, one target each. `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PACKAGES := topics connector agents projections venue observability tapeline reliability
ARGS ?=
WORKERS ?= 2

.PHONY: help setup run test lint format types proto proto-check release-schema bench reliability venues clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  \033[1m%-14s\033[0m %s\n", $$1, $$2}'

setup: $(STAMP) ## make .venv and install everything, pinned by constraints.txt

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v=sys.version_info; sys.exit(0 if v >= (3, 11) else f"Tapeline needs Python 3.11 or newer; {sys.executable} is {v[0]}.{v[1]}. Install a newer one and run: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	@echo "[setup] virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { echo "[setup] python's venv module is missing; on Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "[setup] installing packages (about a minute the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv \
	  || { echo "[setup] could not reach the package index. The first setup needs a network connection; try again when there is one." >&2; exit 1; }
	@$(BIN)/uv pip install --python $(BIN)/python --constraint constraints.txt --editable '.[dev]' \
	  || { echo "[setup] installing failed; the lines above say which package. Nothing else was changed: run make setup again." >&2; exit 1; }
	@touch $(STAMP)

run: $(STAMP) ## start the whole pipeline on this machine and trade on the paper venue (ARGS="--duration 60")
	@$(BIN)/tapeline up $(ARGS)

test: $(STAMP) ## every test; starts its own Kafka and Postgres (ARGS="-k name", WORKERS=0 for one process)
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal $(ARGS)

lint: $(STAMP) ## ruff, import contracts, buf lint and breaking, generated code fresh
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(MAKE) --no-print-directory proto-check

format: $(STAMP) ## format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: $(STAMP) ## mypy, strict
	@$(BIN)/mypy

proto: $(STAMP) ## generate Python from proto/
	@$(BIN)/python -m grpc_tools.protoc --proto_path=proto --python_out=. --mypy_out=quiet:. --plugin=protoc-gen-mypy=$(BIN)/protoc-gen-mypy $(sort $(wildcard proto/topics/v1/*.proto))
	@$(BIN)/python -m grpc_tools.protoc --proto_path=proto --python_out=. --grpc_python_out=. --mypy_out=quiet:. --mypy_grpc_out=quiet:. --plugin=protoc-gen-mypy=$(BIN)/protoc-gen-mypy --plugin=protoc-gen-mypy_grpc=$(BIN)/protoc-gen-mypy_grpc $(sort $(wildcard proto/connector/v1/*.proto))

proto-check: $(STAMP)
	@cd proto && ../$(BIN)/buf lint
	@cd proto && ../$(BIN)/buf breaking --against released.binpb
	@$(MAKE) --no-print-directory proto
	@git diff --exit-code --stat -- '*_pb2*.py' '*_pb2*.pyi' \
	  || { echo "generated code was not fresh: commit what make proto wrote" >&2; exit 1; }

bench: $(STAMP) ## measure, and write docs/benchmarks.md (ARGS="engine gateway" for some of them)
	@$(BIN)/python -m benchmarks $(ARGS) --json docs/benchmarks.json --page docs/benchmarks.md

reliability: $(STAMP) ## long trials under faults, and write docs/reliability.md (ARGS="simulation --long")
	@$(BIN)/python -m reliability $(ARGS) --json docs/reliability.json --page docs/reliability.md

venues: $(STAMP) ## hold every venue that runs here to the conformance cases, and write docs/venues.md
	@$(BIN)/tapeline conformance --venue engine --venue paper --keep $(ARGS)

release-schema: $(STAMP) ## freeze the schema as it is now: from here on buf breaking guards it
	@cd proto && ../$(BIN)/buf build -o released.binpb

clean: ## remove caches and the data folder (asks nothing: .tapeline holds the paper venue's state)
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .tapeline
