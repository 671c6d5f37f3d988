# Every command of the project. `make test` and `make study` need nothing but Python >= 3.11.
PYTHON ?= python3
BIN = .venv/bin
export SCIPY_ARRAY_API = 1
# Each worker would else rewrite the assertions of all tests, and each program compile skvae.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: test nightly minimum docs study study-images lint types tests install clean

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev]"
	touch $@

study: install  ## compare volume, PCA, an autoencoder and a VAE on lung nodules of real patients
	$(BIN)/skvae study $(ARGS)

study-images: install  ## the same for scans in their files: phantoms as NIfTI, NRRD and MetaImage
	$(BIN)/python benchmarks/study_images.py $(ARGS)

test: install lint types tests  ## everything that must hold

lint:
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-cache

types:
	$(BIN)/mypy

# A worker per core, each with one thread; one that has nothing left takes from the other.
WORKERS = -n 2 --dist worksteal

tests:
	$(BIN)/python -m pytest $(WORKERS)

nightly: install  ## what trains to a mark, which takes minutes, and all examples of hypothesis
	$(BIN)/python -m pytest $(WORKERS) -m nightly --table benchmarks/results/nightly.csv
	$(BIN)/python -m pytest $(WORKERS) -m hypothesis --hypothesis-profile=nightly

minimum: build/minimum/installed  ## the tests with the lowest versions of all dependencies
	build/minimum/bin/python -m pytest $(WORKERS)

# Python 3.11 or 3.12: of later ones, these versions have no wheels.
build/minimum/installed: pyproject.toml minimum.txt
	$(PYTHON) -m venv --clear build/minimum
	build/minimum/bin/python -m pip install --quiet -c minimum.txt -e ".[dev,arrays]"
	touch $@

docs: .venv/docs-installed  ## the site, in build/site: QUICK=1 runs five examples, ONLINE=1 links out
	nice $(BIN)/python -m sphinx -W --keep-going -j 1 -b html docs build/site
	$(BIN)/python docs/_ext/check_links.py build/site

.venv/docs-installed: .venv/installed
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[docs]"
	touch $@

clean:
	rm -rf build docs/generated .venv skvae-study .pytest_cache .ruff_cache .mypy_cache
