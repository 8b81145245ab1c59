# The verbs of the house; `make` alone lists them. Each sets up what it needs on a machine with Python 3.11 and make.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3.11
JOBS ?= 2
ARGS ?=
BIN := .venv/bin
PIP_INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1

.PHONY: help install demo test test-slow pictures services mutants lint fix bench docs lock clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

install: .venv/.installed ## everything into .venv, at the tested versions of constraints.txt
	@:

.venv/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "No $(PYTHON) here. Install Python 3.11 or newer and run: make PYTHON=python3 install"; exit 2; }
	@# Debian packs venv apart from Python: fetch it when it is missing and we may.
	@$(PYTHON) -m venv .venv >/dev/null 2>&1 \
	  || { apt-get -qq update && apt-get -qq install -y $(notdir $(PYTHON))-venv && $(PYTHON) -m venv --clear .venv; }

.venv/.installed: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing into .venv: over 4 GB, 3 to 15 minutes the first time, and silent meanwhile ..."
	@$(PIP_INSTALL) -e '.[dev]'
	@touch $@

demo: install ## the smoke sweep and its report, in minutes on a laptop
	@$(BIN)/python -m fpd_bench.sweep sweeps/smoke.yaml
	@# The tables without the list of files; piped, they need to be told a width. Then what to look at.
	@COLUMNS=120 $(BIN)/python -m fpd_bench.report sweeps/smoke.yaml --out results/demo | grep -v '^results/demo/'
	@ls results/demo/figures/*.png | sed 's/^/picture: /'
	@echo "page:    results/demo/index.html"

test: install pictures ## the fast tests; ARGS="tests/distill -k drift" picks some
	@$(ONE_THREAD) $(BIN)/python -m pytest -m "not slow" -n $(JOBS) $(ARGS)

test-slow: install pictures services ## the tests that take minutes: trainings, services
	@# Exit status 5 means that none of the chosen tests is slow.
	@$(ONE_THREAD) $(BIN)/python -m pytest -m slow -n $(JOBS) $(ARGS) || test $$? -eq 5

pictures: ## what the tests need beside Python: Debian's package of Fashion-MNIST
	@test -d /usr/share/datasets/fashion-mnist || { as_root=$$(test $$(id -u) = 0 || echo sudo); \
	  $$as_root apt-get -qq update && $$as_root apt-get -qq install -y dataset-fashion-mnist >/dev/null; }

services: ## what test-slow needs beside Python: Debian's PostgreSQL, LaTeX, Chromium, fish and zsh (tests/slurm brings its own SLURM)
	@missing=; \
	command -v initdb /usr/lib/postgresql/*/bin/initdb >/dev/null || missing+=" postgresql"; \
	command -v pdflatex >/dev/null || missing+=" texlive-latex-base texlive-latex-recommended texlive-fonts-recommended"; \
	command -v chromium >/dev/null || missing+=" chromium"; \
	command -v fish >/dev/null || missing+=" fish"; \
	command -v zsh >/dev/null || missing+=" zsh"; \
	command -v pdftotext >/dev/null || missing+=" poppler-utils"; \
	test -z "$$missing" || { as_root=$$(test $$(id -u) = 0 || echo sudo); \
	  $$as_root apt-get -qq update && $$as_root apt-get -qq install -y $$missing >/dev/null; }

.venv/.mutants: .venv/.installed
	@$(PIP_INSTALL) -e '.[mutants]'
	@touch $@

mutants: .venv/.mutants ## which lines of the drift, the statistics and a run's files could be wrong unseen (hours; ARGS="--sample 150": a share)
	@$(ONE_THREAD) $(BIN)/python tests/mutants.py --jobs $(JOBS) $(ARGS)

lint: install ## style, types and the layers of the house
	@failed=; \
	$(BIN)/ruff check --output-format concise . || failed+=" ruff-check"; \
	$(BIN)/ruff format --check --output-format concise . || failed+=" ruff-format"; \
	$(BIN)/mypy || failed+=" mypy"; \
	$(BIN)/lint-imports --no-logo || failed+=" lint-imports"; \
	test -z "$$failed" || { echo "Not clean:$$failed. First try: make fix"; exit 1; }

fix: install ## let ruff repair and format what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: install ## claims about speed, into reports/performance.md; ARGS=NAME: one of benchmarks/, ARGS=--again: anew
	@$(ONE_THREAD) $(BIN)/python benchmarks/run_all.py $(ARGS)

.venv/.docs: .venv/.installed
	@$(PIP_INSTALL) -e '.[docs]'
	@touch $@

docs: .venv/.docs ## the documentation as pages in site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@$(BIN)/python docs/check_versions.py
	@echo "Open site/index.html"

lock: .venv/.docs ## write the versions of this .venv to constraints.txt, as the new tested ones
	@{ echo "# The environment this house was tested in (Python 3.11, Linux x86-64). Rewrite it with: make lock"; \
	   $(BIN)/python -m pip freeze --exclude-editable; } > constraints.txt

clean: ## remove caches and built pages; .venv and results/ stay
	@rm -rf build dist site mutants *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
