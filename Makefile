# `make demo` and `make test` set up everything they need, below build/ (Debian, root).
# The work is in tests/tools and tests/lab/rack; this file only names it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
RACK := tests/lab/rack
GATES := tests/tools/gates
FILES ?= .

.PHONY: help demo test setup lab lab-up lab-down lint format docs build sanity unit integration nodes faults bench molecule clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: setup-run lab ## bring up the virtual rack, let blank machines install themselves, show that it all works
	@PATH="$(CURDIR)/build/venv/bin:$$PATH" tests/tools/demo $(ARGS)

test: setup lab image ## all quality gates and all tests
	@$(GATES)

setup: ## install what the targets need
	@tests/tools/setup dev

.PHONY: setup-run
setup-run:
	@tests/tools/setup run

lab: ## build the root directory of the virtual rack (once)
	@tests/tools/setup lab

.PHONY: image
image: setup-run
	@tests/tools/setup nodes

lab-up: setup-run lab ## start the virtual rack and leave it running
	@$(RACK) up

lab-down: ## stop it
	@$(RACK) down

lint: setup ## ruff, yamllint, ansible-lint
	@$(GATES) lint

format: setup ## let ruff reformat Python files (FILES=...)
	@build/venv/bin/ruff format $(FILES)

docs: setup ## lint the documentation and the changelog
	@$(GATES) docs

build: setup ## build the collection's archive in build/archive and look into it
	@$(GATES) build

sanity: setup ## ansible-test sanity
	@$(GATES) sanity

unit: setup ## unit tests
	@$(GATES) unit

integration: setup lab ## tests on the lab router
	@$(GATES) integration

nodes: setup lab image ## tests with QEMU machines that boot from the network
	@$(GATES) nodes

faults: setup lab ## break site.yml at each of its requests, for LIMIT=600 seconds, RACKS=3, CARRIERS="ssh xmlrpc", PROFILE="first change" (SKIP=0, ONLY="kill the agent before 7 ssh first,…")
	@PFRACK_FAULT_POINTS=all PFRACK_FAULT_SECONDS=$(or $(LIMIT),inf) PFRACK_FAULT_RACKS=$(or $(RACKS),3) PFRACK_FAULT_SKIP=$(or $(SKIP),0) PFRACK_FAULT_ONLY="$(ONLY)" \
		PFRACK_FAULT_CARRIERS="$(or $(CARRIERS),ssh xmlrpc)" PFRACK_FAULT_PROFILES="$(PROFILE)" PATH="$(CURDIR)/build/venv/bin:$$PATH" \
		python -m pytest -q -s tests/integration/test_fault_points.py

bench: setup-run lab ## what whole runs cost, for 10, 100 and 1000 nodes (ARGS="--help" for more)
	@PATH="$(CURDIR)/build/venv/bin:$$PATH" python tests/benchmarks/site_time.py $(ARGS)

molecule: setup lab ## the example scenario
	@$(GATES) molecule

clean: lab-down ## stop the rack, remove everything that was made
	@rm -rf build .ansible collections
