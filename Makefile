# `make start` an empty house, `make demo` a fictional contact centre, `make test` everything.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo start test lint bench lock docs

help:    ## Say what can be made
	@sed -nE 's/^([a-z]+): .*## (.*)/  make \1\t\2/p' Makefile | expand -t 16

setup:  ## Install what Imvume needs into .venv; no root, no system packages
	@tools/setup.sh run

start: setup  ## Start Imvume with an empty house; prints the address and a one-time link
	@exec .venv/bin/imvume start

demo: setup  ## Start Imvume with a fictional contact centre in a house of its own
	@exec .venv/bin/imvume demo

test:  ## Install what the tests need, system packages included, and run everything
	@tools/setup-tests.sh
	@tools/setup.sh test
	@$(MAKE) --no-print-directory lint
	.venv/bin/pytest

lint:  ## Style, types and the layers of ARCHITECTURE.md
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

BENCH ?= /var/tmp/imvume-bench

bench:  ## The figures of docs/reference/benchmarks.md, measured on this machine; 15 GB in BENCH=folder
	@tools/setup.sh test
	.venv/bin/python bench/sealing.py
	.venv/bin/python bench/sound.py
	.venv/bin/python bench/importing.py
	.venv/bin/python bench/evidence.py $(BENCH)/evidence
	.venv/bin/python bench/search.py $(BENCH)/search

docs:  ## Make again the pages of docs/reference that are made from the source
	.venv/bin/python tools/describe.py

UV = .venv/bin/uv pip compile pyproject.toml tools/build.in --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url --no-emit-find-links --quiet

lock:  ## Choose the newest versions that fit pyproject.toml, and write down their hashes
	@tools/setup.sh test
	.venv/bin/python -m pip install --quiet uv
	$(UV) --upgrade --extra test --output-file requirements-test.lock
	$(UV) --upgrade --constraints requirements-test.lock --output-file requirements.lock
	@! grep -nE '://|^--' requirements.lock requirements-test.lock
