# The only entry points; CI calls the same ones. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
PACKAGES := models ingest recognition storage supervision_api
PYTEST_ARGS ?=
JOBS ?= 2
export OMP_NUM_THREADS ?= 1

.PHONY: help setup setup-dev run test check format bench drill real-people screenshots lock clean

help: ## what each target does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else 1)' 2>/dev/null \
		|| { echo "Rollcall needs Python 3.11 or newer; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { rm -rf $(VENV); echo "Could not make $(VENV). On Debian: apt install python3-venv"; exit 1; }

# Wheels only, hash-pinned, without dependency resolution: face-recognition and others would compile dlib.
$(VENV)/.installed: requirements.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing Rollcall into $(VENV) (once, a few minutes on a slow line) …"
	@$(PIP) install --require-hashes --no-deps -r requirements.txt
	@$(PIP) install --no-deps -e .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	@echo "Installing what tests and checks need …"
	@$(PIP) install --require-hashes --no-deps -r requirements-dev.txt
	@touch $@

setup: $(VENV)/.installed ## create .venv with everything Rollcall needs to run

setup-dev: $(VENV)/.installed-dev

run: setup ## start everything with a synthetic class; address and log-in are printed
	@$(BIN)/python -m supervision_api.cli serve --demo

test: setup-dev ## all tests that need no service; SERVICES=1 starts the services too and runs all
ifeq ($(SERVICES),1)
	@$(BIN)/python -m tests.services.run_with_services $(BIN)/python -m pytest -n $(JOBS) --dist loadgroup $(PYTEST_ARGS)
else
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup -m "not service" $(PYTEST_ARGS)
endif

check: setup-dev ## lint, format, types, import directions, docs match code
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest -q tests/unit/house

format: setup-dev ## let ruff mend what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: setup-dev ## side-by-side figures of every bench (one core; ratios, not seconds)
	@$(BIN)/python -m supervision_api.cli bench recognition
	@$(BIN)/python -m supervision_api.cli bench classroom
	@$(BIN)/python -m supervision_api.cli bench footage
	@$(BIN)/python -m supervision_api.cli bench playback
	@$(BIN)/python -m supervision_api.cli bench verify
	@$(BIN)/python -m tests.benchmarks.upload

drill: setup-dev ## kill the server, break cameras, store, disk and clock, lose the database, on every store: seconds and bytes lost, printed
	@$(BIN)/python -m tests.drills.every_drill

real-people: setup-dev ## rollcall attend on lessons of real people (needs ROLLCALL_TEST_DATA), against the truth
	@$(BIN)/python -m tests.benchmarks.real_attend

screenshots: setup-dev ## the pictures of the README, from the synthetic class
	@$(BIN)/python -m tests.browser.screenshots

lock: setup-dev ## renew the pinned requirements from requirements*.in
	@$(PIP) install pip-tools
	@for f in requirements requirements-dev; do \
		$(BIN)/pip-compile -q --upgrade --generate-hashes --allow-unsafe --strip-extras --no-annotate --no-header \
			--no-emit-index-url --no-emit-trusted-host --no-emit-find-links $$f.in -o $$f.txt; done
	@echo "requirements-dev.txt: put the face-recognition lines back by hand (see its last comment in git)."

clean: ## remove what the build made; data folders stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist build
