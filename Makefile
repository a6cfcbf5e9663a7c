# Belvedere. Two commands: `make up` (set-up and the main job), `make test` (set-up and all tests).
# Each sets up what it needs once; the second call sets up nothing again.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     := $(BIN)/uv
ARGS   ?=
WORKERS ?= auto
FILES  ?=
EXTRAS := demo kafka auto requests redis celery openai anthropic langchain \
	openai-agents smolagents llama-index bedrock agno dspy

# The real programs that tests and benchmarks compare with; see tests/peers.sh.
export PATH := $(abspath $(VENV)/peers):$(PATH)

# Where it is set, each of the hundreds of processes of the tests would compile its imports anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: up test lint types imports unit format lock clean help bench-ingest bench-sdk bench-collector bench-promql soak conformance-promql

help: ## what there is to do
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

up: $(VENV)/.server ## set up, then run Belvedere (make up ARGS='--port 4321')
	@$(BIN)/belvedere up $(ARGS)

test: lint types imports unit ## set up, then run all checks and tests

lint: $(VENV)/.dev ## style
	@$(BIN)/ruff format --check --quiet . || { echo "run: make format"; exit 1; }
	@$(BIN)/ruff check --quiet .

types: $(VENV)/.dev ## strict types
	@$(BIN)/mypy

imports: $(VENV)/.dev ## the import layers of ARCHITECTURE.md
	@$(BIN)/lint-imports

unit: $(VENV)/.dev ## the tests alone (make unit ARGS='-k queue' WORKERS=0)
	@$(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile $(ARGS)

format: $(VENV)/.dev ## mend style
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --fix --quiet . || true

bench-ingest: $(VENV)/.dev ## ingest speed, against floors in the same run
	@$(BIN)/python benchmarks/ingest.py $(ARGS)

bench-sdk: $(VENV)/.dev ## what the SDK costs an application, against the stock OpenTelemetry SDK
	@$(BIN)/python benchmarks/sdk.py $(ARGS)

bench-collector: $(VENV)/.dev ## what the Collector costs (ARGS='--go-collector PATH' beside a Go one)
	@$(BIN)/python benchmarks/collector.py $(ARGS)

soak: $(VENV)/.dev ## a disk that fills and empties under load, and 100 starts (needs root)
	@$(BIN)/python tests/soak/full_disk.py $(ARGS)

conformance-promql: $(VENV)/.dev ## PromQL's test files of the Prometheus project (FILES='a.test b.test')
	@$(BIN)/python conformance/promql/main.py $(FILES)

bench-promql: $(VENV)/.dev ## PromQL's speed, against a real Prometheus with the same samples
	@$(BIN)/python benchmarks/promql.py $(ARGS)

lock: $(VENV)/.uv ## compute constraints.txt anew
	@$(UV) pip compile --quiet --universal --python-version 3.11 $(foreach extra,$(EXTRAS),--extra $(extra)) --group dev --upgrade \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links pyproject.toml --output-file constraints.txt

clean: ## remove the environment and all caches, not the data
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# The environment. A stamp file for each level, remade when what it was made from changes.
$(VENV)/.uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Belvedere needs Python 3.11 or later: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	@echo "setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	@touch $@

$(VENV)/.server: $(VENV)/.uv pyproject.toml constraints.txt
	@echo "installing Belvedere ..."
	@$(UV) pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[demo]'
	@touch $@

$(VENV)/.peers: tests/peers.sh $(VENV)/.uv
	@tests/peers.sh $(VENV)/peers
	@touch $@

$(VENV)/.dev: $(VENV)/.server $(VENV)/.peers
	@echo "installing the developers' tools ..."
	@$(UV) pip install --quiet --python $(BIN)/python --constraint constraints.txt \
		--editable '.[demo,kafka,auto,requests,openai,anthropic,langchain,openai-agents,smolagents,llama-index,bedrock,agno,dspy]' --group dev
	@touch $@
