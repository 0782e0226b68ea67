# nnkit: `make demo` and `make test` need python3 (3.11 or newer) and make; the rest they fetch into .venv.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PY     := $(BIN)/python
PIP    := $(PY) -m pip install --quiet --disable-pip-version-check

PLUGINS         := $(sort $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml)))
PLUGIN_PACKAGES := $(sort $(filter-out %/tests,$(patsubst %/__init__.py,%,$(wildcard plugins/*/*/__init__.py plugins/*/src/*/__init__.py))))
PLUGIN_TESTS    := $(sort $(wildcard plugins/*/tests))
PROJECTS        := pyproject.toml $(PLUGINS:%=%/pyproject.toml)

# An installation is good until a pyproject.toml or the version changes: its stamp carries their checksum.
space     := $(subst ,, )
KEY       := $(shell { cat $(PROJECTS); grep __version__ nnkit/__init__.py; } | cksum | cut -d ' ' -f 1)
DEMO_ENV  := $(VENV)/.nnkit-demo-$(KEY)
TEST_ENV  := $(VENV)/.nnkit-test-$(KEY)
DOCS_ENV  := $(VENV)/.nnkit-docs-$(KEY)

# Two test workers on two cores: a BLAS that starts threads of its own would only get in their way.
WORKERS ?= 2
TEST_VARIABLES := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 MPLBACKEND=Agg

.PHONY: help demo test check lint format types tests docs clean kit-power second-order ledger kill-test bench

help:
	@echo "make demo          train examples/digits.toml: a model, two pictures, a table"
	@echo "make test          lint, types, every test with coverage; in seconds when nothing changed since it was green"
	@echo "make check         the same, always in full: what CI runs"
	@echo "make docs          the documentation, in docs/_build/html"
	@echo "make format        let ruff put the sources in order"
	@echo "make clean         remove what the others made, .venv included"
	@echo "make ledger        the rows of docs/origins.md that no passing test shows"
	@echo "make kit-power     how strong the conformance kit is: planted faults, mutants, false alarms"
	@echo "make kill-test     a hundred trainings killed at random moments, and a full disk"
	@echo "make second-order  the second-order methods, measured"
	@echo "make bench         training, inference and Jacobians beside scikit-learn, PyTorch, JAX and onnxruntime"

# -- The two commands --------------------------------------------------------------------------------------------------

demo: $(DEMO_ENV)
	OPENBLAS_NUM_THREADS=1 $(BIN)/nnkit train examples/digits.toml

test: $(TEST_ENV)
	@$(PY) .ci/unchanged.py || $(MAKE) --no-print-directory check

# -- What `make test` is made of ---------------------------------------------------------------------------------------

check: $(TEST_ENV)
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory types
	@$(MAKE) --no-print-directory tests
	@$(PY) .ci/unchanged.py --record

lint: $(TEST_ENV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(TEST_ENV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(TEST_ENV)
	MYPYPATH=$(subst $(space),:,$(strip $(sort $(dir $(PLUGIN_PACKAGES))))) $(BIN)/mypy nnkit $(PLUGIN_PACKAGES)

# One run of pytest: the tests, each plugin's tests, and the doctests of everything importable.
tests: $(TEST_ENV)
	@mkdir -p .cache
	$(TEST_VARIABLES) $(PY) -m pytest -n $(WORKERS) --dist worksteal --doctest-modules \
	  --cov --cov-report=term --cov-fail-under=95 --junitxml=.cache/tests.xml \
	  tests nnkit $(PLUGIN_PACKAGES) $(PLUGIN_TESTS) $(PYTEST_ARGS)

docs: $(DOCS_ENV)
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

# -- Studies and ledgers: one target a study, its program in benchmarks/ or tests/ ------------------------------------

# The conformance kit's strength: planted faults, mutants, false alarms. Seven minutes on two idle cores.
kit-power: $(TEST_ENV)
	PYTHONPATH=tests $(TEST_VARIABLES) $(PY) -m kit_power --jobs $(WORKERS) --table docs/kit-power.md $(KIT_POWER_ARGS)

# Levenberg-Marquardt against lbfgs, Bayesian regularization against tuned L2, coverage, cost of J^T J. Ten minutes.
second-order: $(TEST_ENV)
	$(TEST_VARIABLES) $(PY) benchmarks/second_order.py

# nnkit beside its peers, in an environment that has them: make bench BENCH_PYTHON=/path/to/python BENCH_ARGS=--quick
BENCH_PYTHON ?= $(PY)
bench: $(TEST_ENV)
	$(BENCH_PYTHON) benchmarks/bench.py $(BENCH_ARGS)

# Rows of docs/origins.md that no passing test shows.
ledger: $(TEST_ENV)
	$(TEST_VARIABLES) $(PY) tests/ledger/report.py

# A hundred trainings killed at random moments, and a disk that is really full (as root). Ten minutes on two cores.
kill-test: $(TEST_ENV)
	NNKIT_KILLS=100 $(TEST_VARIABLES) $(PY) -m pytest -q -s tests/network/test_resume_kill.py

# -- Environments ------------------------------------------------------------------------------------------------------

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "nnkit needs Python 3.11 or newer; say which with: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { rm -rf $(VENV); echo "$(PYTHON) cannot make environments (Debian, Ubuntu: apt install python3-venv)"; exit 1; }

$(DEMO_ENV): | $(PY)
	$(PIP) -e '.[cli,plot]' -e plugins/nnkit-optimizers
	@rm -f $(VENV)/.nnkit-demo-* && touch $@

$(TEST_ENV): | $(PY)
	$(PIP) -e '.[test]' $(PLUGINS:%=-e %)
	@rm -f $(VENV)/.nnkit-test-* && touch $@

$(DOCS_ENV): | $(PY)
	$(PIP) -e '.[docs]'
	@rm -f $(VENV)/.nnkit-docs-* && touch $@

clean:
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* docs/_build dist build
	rm -f digits-model.npz digits-*.png
