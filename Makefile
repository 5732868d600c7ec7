# Cultiva. Two commands do everything: `make run` and `make test`.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run test test-slow explore bench check format lock messages frontend clean

PY := .venv/bin/python
# Tests start hundreds of processes: none should compile the package anew, whatever the environment says.
PYTEST := PYTHONDONTWRITEBYTECODE= $(PY) -m pytest
# What fails is tried once more, and named at the end where it passes then: a bug of the test all the same.
AGAIN := --reruns 1 -rR
# Tests run side by side, each worker with a database of its own; in a database of yours one after the other.
WORKERS := $(if $(DATABASE_URL),,-n auto --maxprocesses 4)

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' Makefile | sed 's/:.*## /|/' | awk -F'|' '{printf "  make %-12s %s\n", $$1, $$2}'

run: .venv/.installed-run ## Start the product with demo data on http://127.0.0.1:8000 (PORT, CULTIVA_DATA, PUBLIC_URL)
	@CULTIVA_DEMO=$${CULTIVA_DEMO:-1} exec $(PY) -m cultiva up

test: .venv/.installed-test ## Run the whole suite but its slow part
	@.ci/browser
	@.ci/sdks
	$(PYTEST) -m "not slow" $(AGAIN) $(WORKERS)

test-slow: .venv/.installed-test ## Run the slow part of the suite
	@.ci/browser
	@.ci/sdks
	@.ci/spark
	$(PYTEST) -m slow $(AGAIN)

explore: .venv/.installed-test ## Try the properties on histories that no run has seen (K=name to choose)
	$(PYTEST) --hypothesis-profile=explore --hypothesis-seed=random -k "$(K)" $(WORKERS)

bench: .venv/.installed-test ## Measure speed and memory against their limits
	$(PY) -m bench

check: .venv/.installed-test ## Style, types, floors
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy cultiva tests bench conftest.py
	.venv/bin/lint-imports

format: .venv/.installed-test ## Put the code in its usual form
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

lock: .venv/.installed-test ## Pin every requirement anew, with hashes
	.venv/bin/uv pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url --upgrade -q -o requirements/run.txt
	.venv/bin/uv pip compile pyproject.toml --group test --universal --generate-hashes --no-emit-index-url --upgrade -q -o requirements/test.txt
	.venv/bin/uv pip compile pyproject.toml --extra spark --universal --generate-hashes --no-emit-index-url --upgrade -q -c requirements/test.txt -o requirements/spark.txt

messages: .venv/.installed-test ## Bring the translations up to date with the code
	$(PY) -m tests.messages

frontend: ## Build the committed front-end assets anew (needs Node)
	cd frontend && npm ci && node build.mjs

clean: ## Remove the environment; the data stays
	rm -rf .venv

.venv/.installed-run: requirements/run.txt pyproject.toml
	@.ci/environment requirements/run.txt
	@touch $@

.venv/.installed-test: requirements/test.txt requirements/run.txt pyproject.toml
	@.ci/environment requirements/test.txt
	@touch .venv/.installed-run $@
