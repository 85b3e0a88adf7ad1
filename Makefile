# Every target sets .venv up first (tools/setup.sh); nothing needs to be installed or active.
.DEFAULT_GOAL := help
.PHONY: help setup demo truth studies test kernels exhaustive cluster check lint docstrings types layers hooks bench docs lock lowest wheel clean

# An environment that happens to be active must not reach into this one.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME PYTHONPLATLIBDIR MYPYPATH __PYVENV_LAUNCHER__
# Without bytecode on disk every process, each of Ray's workers too, compiles all it imports: 7 s.
unexport PYTHONDONTWRITEBYTECODE PYTHONPYCACHEPREFIX

VENV := .venv/bin
WORKERS ?= 2
PYTEST_ARGS ?=
# Old releases do not know what newer ones beneath them have deprecated since.
# Old releases warn of what later ones fixed, and an old Ray leaves its own process to the collector.
LOWEST_FLAGS = -W default::DeprecationWarning -W default::FutureWarning -W default::ResourceWarning \
  -W default::pytest.PytestUnraisableExceptionWarning
LOWEST_TESTS = tests/analysis/test_accessor.py tests/crossbar/test_mapping.py tests/devices/test_pulses.py \
  tests/exporting tests/identification/test_calibration.py tests/merging tests/planning/test_adaptive.py \
  tests/planning/test_designs.py tests/reporting/report tests/reporting/test_figure.py \
  tests/reporting/test_pictures.py tests/running/test_executors.py tests/running/test_study.py \
  tests/store/test_damage.py tests/store/test_objects.py tests/workloads/test_mlp.py
UV_COMPILE = $(VENV)/uv pip compile --quiet --universal --python-version 3.12 \
  --generate-hashes --custom-compile-command 'make lock' --no-emit-index-url --no-emit-find-links $(LOCK_ARGS)

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

setup: ## Make or refresh .venv from the lock
	@sh tools/setup.sh

demo: setup ## Run the quickstart study and report on it
	@$(VENV)/matsweep explore experiment=quickstart
	@$(VENV)/matsweep report

truth: setup ## Compute the table of truth and write its page (ROWS="isaac_* wires" for some rows)
	@$(VENV)/python tools/truth.py $(ROWS)

studies: setup ## Compute the studies that the notebooks open (4 minutes on two cores)
	@$(VENV)/matsweep explore experiment=quickstart
	@$(VENV)/matsweep explore experiment=limits
	@$(VENV)/matsweep explore experiment=activation
	@$(VENV)/matsweep explore experiment=wires

test: setup ## Run the tests (WORKERS=2, PYTEST_ARGS="tests/store -x")
	@$(VENV)/python -m pytest -n $(WORKERS) --dist loadgroup $(PYTEST_ARGS)

kernels: setup ## Compile the loops that most tests run, once for all processes
	@$(VENV)/python tools/warm.py

exhaustive: export MATSWEEP_EXHAUSTIVE = 1
exhaustive: test ## Run the tests with every variant that `make test` takes samples of

cluster: setup ## Start the files of cluster/ on this machine (several real nodes, minutes)
	@$(VENV)/python -m pytest cluster $(PYTEST_ARGS)

check: lint docstrings types layers hooks ## All that needs no running (make -k check: to the end)

lint: setup ## Lint and check formatting (ruff)
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .

docstrings: setup ## Check that public functions document parameters, results and errors (pydoclint)
	@$(VENV)/python tools/docstrings.py matsweep

types: setup ## Check types (mypy --strict)
	@$(VENV)/mypy

layers: setup ## Check who imports whom (import-linter)
	@$(VENV)/lint-imports --no-logo

hooks: setup ## Check that the pre-commit configuration is valid
	@$(VENV)/pre-commit validate-config .pre-commit-config.yaml

bench: setup ## Run the benchmarks, serially
	@$(VENV)/python -m pytest benchmarks/ --benchmark-only $(PYTEST_ARGS)

docs: setup ## Build the documentation into build/site
	@NO_MKDOCS_2_WARNING=1 $(VENV)/mkdocs build --strict --quiet
	@echo build/site/index.html

lock: setup ## Write constraints/ again from pyproject.toml (LOCK_ARGS=--upgrade for newer versions)
	$(UV_COMPILE) pyproject.toml --extra all --group dev --output-file constraints/dev.txt
	$(UV_COMPILE) --group build --constraints constraints/dev.txt --output-file constraints/build.txt

lowest: setup ## Run a part of the tests with the lowest versions allowed (in build/lowest)
	@$(VENV)/python tools/lowest.py
	@build/lowest/bin/python -m pytest -n $(WORKERS) --dist loadgroup $(LOWEST_FLAGS) \
	  $(LOWEST_TESTS) $(PYTEST_ARGS)

wheel: setup ## Build dist/*.whl
	@$(VENV)/python -m hatchling build --target wheel --directory dist

clean: ## Remove .venv, caches and builds; results stay
	rm -rf .venv .venv.lock .mypy_cache .ruff_cache .pytest_cache .import_linter_cache \
	  .hypothesis .benchmarks build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
