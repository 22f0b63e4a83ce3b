# The verbs of Moebius; CI calls the same ones. `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
TRITON_VENV := .venv-triton
BIN := $(VENV)/bin
WORKERS ?= 2
RUN := PYTHONPATH=$(CURDIR) $(BIN)/python

# which environment: `make up ENV=dev`; the command line wins over MOEBIUS_ENVIRONMENT, a variable ENV of the shell is not asked
ENV := $(if $(MOEBIUS_ENVIRONMENT),$(MOEBIUS_ENVIRONMENT),prod)
STATE := $(if $(filter dev,$(ENV)),var/dev,var)

export MOEBIUS_ENVIRONMENT := $(ENV)
export TZ := UTC
export AIRFLOW_HOME ?= $(CURDIR)/$(STATE)/airflow
export AIRFLOW__CORE__LOAD_EXAMPLES := False

.DEFAULT_GOAL := help
.PHONY: help demo test up down status lint bench clean read gateway reproduce

help: ## list the verbs
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: $(VENV)/.ready $(TRITON_VENV)/.ready ## set everything up and run the whole loop on the flights of 2013 (USECASE=<name>: on another use case; APPROVE=me: you approve in the UI)
	@$(RUN) -m include.platform.requirements
	@$(RUN) -m include.demo $(if $(USECASE),--usecase $(USECASE)) $(if $(APPROVE),--approve $(APPROVE))

test: lint ## set up and run every test (WORKERS=2: so many processes at once)
	@$(RUN) -m include.platform.requirements
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

up: $(VENV)/.ready $(TRITON_VENV)/.ready ## start the platform without the demo
	@$(RUN) -m include.platform.requirements
	@$(RUN) -m include.commands.platform up

down: ## stop every process that up or demo started
	@if [ -x $(BIN)/python ]; then $(RUN) -m include.commands.platform down; fi

status: $(VENV)/.ready ## what runs, where, and how much memory it takes
	@$(RUN) -m include.commands.platform status

lint: $(VENV)/.ready $(TRITON_VENV)/.ready ## style, types, import contracts, DAG rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/architecture

bench: $(VENV)/.ready $(TRITON_VENV)/.ready ## measure (NAME=<bench>: only that one); writes var/bench/<name>.json
	@$(RUN) -m tests.benchmarks $(NAME)

clean: down ## remove all state (var/; with ENV=dev: var/dev/); the virtual environments stay
	@if [ "$(ENV)" = prod ] && [ -d var/dev ]; then $(MAKE) --no-print-directory down ENV=dev; fi
	rm -rf $(STATE)

read: $(VENV)/.ready ## show a table as a role sees it (TABLE=flight_delay.events ROLE=viewer MONTH=2013-01)
	@$(RUN) -m include.commands.read $(TABLE) $(ROLE) $(MONTH)

gateway: $(VENV)/.ready ## clients and servers of the gateway (DO="add shop --role infer --model flight_delay --rate 50"; DO=--help)
	@$(RUN) -m include.commands.gateway $(or $(DO),clients)

reproduce: $(VENV)/.ready ## train a registered model again and compare its answers (MODEL=flight_delay/1; the platform is up)
	@$(RUN) -m include.commands.reproduce $(MODEL)

$(VENV)/.ready: requirements.txt constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints.txt
	$(BIN)/python -m compileall -q -j 2 $(VENV)/lib >/dev/null || true
	@touch $@

$(TRITON_VENV)/.ready: triton_models/requirements.txt
	$(PYTHON) -m venv $(TRITON_VENV)
	$(TRITON_VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps -r triton_models/requirements.txt
	@touch $@
