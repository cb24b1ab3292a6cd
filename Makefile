# Everything runs from a fresh clone with python3 (3.11 or newer), git and make: uv is installed into .venv.
PYTHON ?= python3
PROJECT = build/flight-delays
FRESH = build/lessons/flight-delays
UV = .venv/bin/uv
PYTEST = .venv/bin/pytest
PACKAGES = .venv/bin/python scripts/package_tests.py
# Tests of a group go to the same worker, in the order of tests/conftest.py.
SPREAD = -n 2 --dist loadgroup --no-loadscope-reorder
MODULES = $(wildcard template scripts tests benchmarks exercises)

# Without compiled modules every start of a kernel costs seconds. Threads of OpenMP fight over two cores.
unexport PYTHONDONTWRITEBYTECODE
unexport VIRTUAL_ENV

# The certificates of the machine, as pip takes them: a company's proxy has its own.
export UV_SYSTEM_CERTS ?= true
export OMP_NUM_THREADS ?= 1

# $(call install,FOLDER): the environment of a generated project; does nothing while its requirements are unchanged.
define install
	@test -x $(1)/.venv/bin/python || $(UV) venv --quiet --python .venv/bin/python $(1)/.venv
	@cat $(1)/requirements.txt $(1)/requirements-exercises.txt | cmp -s - $(1)/.venv/installed.txt || { \
	  echo "Installing the packages of $(1)"; \
	  $(UV) pip sync --quiet --require-hashes --python $(1)/.venv $(1)/requirements.txt $(1)/requirements-exercises.txt && \
	  $(UV) pip install --quiet --no-deps --no-build-isolation --python $(1)/.venv --editable $(1) && \
	  cat $(1)/requirements.txt $(1)/requirements-exercises.txt > $(1)/.venv/installed.txt; }
endef

.PHONY: help demo project test test-fast test-packages other-data coverage bench drills lessons lab lint sizes wheels release lock clean

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: project  ## generate build/flight-delays, install it, run every lesson on the real data
	@cd $(PROJECT) && .venv/bin/roadworthy run --jobs 2
	@echo "The project is in $(PROJECT), the report in $(PROJECT)/runs/$$(cat $(PROJECT)/runs/latest)/index.html"

project: .venv/installed.txt  ## generate and install build/flight-delays, over an older one
	@.venv/bin/cookiecutter . --no-input --default-config --overwrite-if-exists --output-dir build
	$(call install,$(PROJECT))

test: lint test-packages  ## everything: library, course, every way to generate, and what is generated at work
	$(PYTEST) $(SPREAD) tests

test-packages: .venv/installed.txt  ## library and course where they stand (or ARGS="roadworthy tests/gates -k law")
	$(if $(ARGS),$(PACKAGES) $(ARGS),@for suite in roadworthy generated bank; do $(PACKAGES) $$suite -n 2 || exit 1; done)
	$(if $(ARGS),,$(PACKAGES) roadworthy-course -n 4)
	@$(if $(ARGS),,for version in 3.12 3.13; do $(PACKAGES) --python $$version roadworthy -n 2 -m every_python || exit 1; done)

other-data: .venv/installed.txt  ## every real table through every command, then 20 fresh variants of each (or OTHER_DATA=rain)
	OTHER_DATA=$(or $(OTHER_DATA),all) $(PACKAGES) roadworthy -n 2 tests/domains/test_other_data.py

coverage: .venv/installed.txt  ## which lines of the library its own tests run; fails below 90 percent
	$(PACKAGES) roadworthy --coverage -q -n 2

test-fast: .venv/installed.txt  ## what needs no environment of a generated project
	$(PYTEST) $(SPREAD) -m "not slow" tests

bench: project  ## measure (or BENCH="serving batch …") and write benchmarks/results.json
	$(PROJECT)/.venv/bin/python benchmarks $(BENCH)

drills: project  ## plant every fault, run all gates on each; then count false alarms on 30 clean variants (40 minutes)
	cd $(PROJECT) && .venv/bin/roadworthy drill --all --jobs 2 --json > $(CURDIR)/benchmarks/drills.json
	cd $(PROJECT) && .venv/bin/roadworthy drill --clean 30 --jobs 2 --json > $(CURDIR)/benchmarks/clean.json

lessons: .venv/installed.txt  ## run notebooks/ (or LESSONS="01_data_checks …") and store the outputs
	@mkdir -p $(FRESH) && find $(FRESH) -mindepth 1 -maxdepth 1 ! -name .venv -exec rm -rf {} +
	@.venv/bin/cookiecutter . --no-input --default-config --overwrite-if-exists --output-dir $(dir $(FRESH))
	$(call install,$(FRESH))
	@cd $(FRESH) && .venv/bin/roadworthy store $(LESSONS)
	@cp $(FRESH)/notebooks/[0-9]*.ipynb notebooks/

lab:  ## JupyterLab in build/flight-delays as it is, or in a new one
	@test -x $(PROJECT)/.venv/bin/jupyter || $(MAKE) project
	cd $(PROJECT) && .venv/bin/jupyter lab

lint: .venv/installed.txt  ## style and types of all Python but that of a generated project, which has its own tests
	.venv/bin/ruff check $(MODULES) packages
	.venv/bin/ruff format --check $(MODULES) packages
	.venv/bin/mypy
	$(PACKAGES) --run mypy --config-file packages/roadworthy/pyproject.toml packages/roadworthy/src packages/roadworthy/tests
	$(PACKAGES) --run mypy --config-file packages/roadworthy/pyproject.toml tests/generated
	$(PACKAGES) --run mypy --config-file packages/roadworthy-course/pyproject.toml packages/roadworthy-course

sizes: .venv/installed.txt  ## count what the owner of a project owns, and how large library and course are
	@.venv/bin/python scripts/sizes.py

wheels: .venv/installed.txt  ## build wheels of library and course into build/dist, for whoever has an index
	@.venv/bin/python scripts/release.py wheels build/dist

release: .venv/installed.txt  ## write the zip file into build/dist that `roadworthy upgrade` takes
	@.venv/bin/python scripts/release.py zip build/dist

lock: .venv/installed.txt  ## pin all requirements again, at their newest
	sh scripts/lock.sh

clean:  ## remove what these commands made
	rm -rf build .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/installed.txt: requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed and $(PYTHON) is older: make PYTHON=/path/to/python3.12 …" && exit 2; }
	@test -x .venv/bin/pip || $(PYTHON) -m venv .venv
	@sed -n '/^uv==/,/[^\\]$$/p' requirements-dev.txt >.venv/uv.txt
	@.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt
	@$(UV) pip sync --quiet --require-hashes --python .venv requirements-dev.txt
	@cp requirements-dev.txt $@
