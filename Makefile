# The verbs of Moebius; CI calls the same ones. `make help` lists them.
SHELL := /bin/bash
# that of Python 3.11 takes three times as long for the same packages
PIP := pip==26.3
PYTHON ?= python3.11
VENV := .venv
TRITON_VENV := .venv-triton
SERVING := triton_models/pipeline/1
BIN := $(VENV)/bin
# four on two cores: a third of the time of the tests is spent waiting for services
WORKERS ?= 4
READY := $(VENV)/.ready $(TRITON_VENV)/.ready
MOEBIUS := PYTHONPATH="$(CURDIR)" $(BIN)/moebius
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# which environment: `make up ENV=dev`; the command line wins over MOEBIUS_ENVIRONMENT, a variable ENV of the shell is not asked
ENV := $(if $(MOEBIUS_ENVIRONMENT),$(MOEBIUS_ENVIRONMENT),prod)
STATE := $(if $(filter dev,$(ENV)),var/dev,var)

export MOEBIUS_ENVIRONMENT := $(ENV)
export TZ := UTC
export AIRFLOW_HOME ?= $(CURDIR)/$(STATE)/airflow
export AIRFLOW__CORE__LOAD_EXAMPLES := False

.DEFAULT_GOAL := help
.PHONY: help demo test setup up down status lint types rules loop unit integration e2e full bench read gateway reproduce clean

help: ## list the verbs
	@grep -hE '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: $(READY) ## set everything up and run the whole loop on the flights of 2013 (USECASE=<name>: another use case; APPROVE=me: you approve in the UI)
	@$(MOEBIUS) demo $(if $(USECASE),--usecase $(USECASE)) $(if $(APPROVE),--approve $(APPROVE))

# each worker has a core: threads of its libraries would only wait for each other
test loop unit integration e2e: export OMP_NUM_THREADS := 1
# each worker loads every test: kept compiled, that takes a third less; unit tests wait for no service
test loop unit integration e2e: export PYTHONDONTWRITEBYTECODE :=
unit: WORKERS := 2

test: lint setup ## set everything up and run lint, unit, integration and e2e tests (WORKERS=4: that many processes)
	@loop=0; $(MAKE) --no-print-directory loop || loop=1; $(PYTEST) tests/integration tests/chaos && exit $$loop

loop: WORKERS := 2
loop: # a platform takes half a core while it waits: beside it run tests that start none
	$(PYTEST) tests/e2e tests/unit tests/dags

setup: $(READY) ## make both Python environments; install Prometheus and Redis where they are missing
	@$(MOEBIUS) setup

up: $(READY) ## start the platform without the demo
	@$(MOEBIUS) up

down: ## stop every process that up or demo started
	@if [ -x $(BIN)/moebius ]; then $(MOEBIUS) down; fi

status: $(READY) ## show which services run, where, and how much memory they take
	@$(MOEBIUS) status

lint: $(READY) ## check style, types, import contracts and the rules of the tree
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@$(MAKE) --no-print-directory --jobs 2 --output-sync types rules

types:
	$(BIN)/mypy
	MYPYPATH=$(SERVING) $(BIN)/mypy --allow-untyped-defs --allow-incomplete-defs $(SERVING)

rules:
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/architecture

unit: $(READY) ## run the quick tests that need no service: unit, DAG structure, rules of the tree; `make test` runs the slow ones too
	$(PYTEST) -m "not slow and not full" tests/unit tests/dags tests/architecture

integration: setup ## run the tests on real services
	$(PYTEST) -m "integration and not full"

e2e: setup ## run the whole loop on a real Airflow
	$(PYTEST) -m e2e

full: setup ## run the tests that are too long for `make test`: the loop until a retrained release serves, every fault on the whole platform, every rhythm, every look of every page (about two hours)
	$(PYTEST) -n 0 -m full

bench: $(READY) ## measure (NAME=<bench>: only that one); writes var/bench/<name>.json
	@$(MOEBIUS) bench $(NAME)

read: $(READY) ## show a table as a role sees it (TABLE=flight_delay.events ROLE=viewer PERIOD=2013-01 OPTIONS="--entity origin=JFK --rows 5"; OPTIONS=--help)
	@$(MOEBIUS) read $(TABLE) $(ROLE) $(PERIOD) $(OPTIONS)

gateway: $(READY) ## manage clients and servers of the gateway (DO="add shop --role infer --model flight_delay --rate 50"; DO=--help)
	@$(MOEBIUS) gateway $(or $(DO),clients)

reproduce: $(READY) ## train a registered model again and compare its answers (MODEL=flight_delay/1; the platform is up)
	@$(MOEBIUS) reproduce $(MODEL)

clean: down ## remove all state (var/; with ENV=dev: var/dev/); the virtual environments stay
	@if [ "$(ENV)" = prod ] && [ -d var/dev ]; then $(MAKE) --no-print-directory down ENV=dev; fi
	rm -rf $(STATE)

$(VENV)/.ready: requirements.txt constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check $(PIP)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile -r requirements.txt -c constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . # the command line
	$(BIN)/python -m compileall -q -j 2 -x '/tests?/' $(VENV)/lib >/dev/null || true # tests of the packages run nowhere
	@touch $@

$(TRITON_VENV)/.ready: triton_models/requirements.txt
	$(PYTHON) -m venv $(TRITON_VENV)
	$(TRITON_VENV)/bin/pip install --quiet --disable-pip-version-check $(PIP)
	$(TRITON_VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps -r triton_models/requirements.txt
	@touch $@
