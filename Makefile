# Every command a person or CI runs. `make` alone lists them.
PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
# The environment is made anew when what it is made from changes.
STAMP := .venv/.made
PINS := .venv-pins

# What Python has compiled is kept, whatever the shell says: each server under test would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup setup-browser setup-python setup-rust setup-java setup-postgres pins demo test check fmt sim sim-long sim-seed mutants chaos erasures screenshots docs cases-accept bench abuse clean

help: ## List all targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(STAMP) ## Create .venv with everything that make test needs from PyPI

# Nothing is installed that requirements/ has no hash of: what builds the package is pinned there too.
$(STAMP): pyproject.toml requirements/dev.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

# Versions that are pinned already stay; ARGS="--upgrade-package NAME" lets one go. No address of a registry is written.
PIN := $(PINS)/bin/uv pip compile --no-config --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make pins"

pins: ## Write requirements/*.txt, with all hashes, from what the *.in files beside them name
	$(PYTHON) -m venv $(PINS)
	$(PINS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/pins.txt
	$(PIN) $(ARGS) -o requirements/run.txt requirements/run.in
	$(PIN) $(ARGS) -o requirements/dev.txt requirements/dev.in -c requirements/run.txt
	$(PIN) $(ARGS) -o requirements/pins.txt requirements/pins.in
	$(PIN) $(ARGS) --no-deps -o requirements/sdks.txt requirements/sdks.in

setup-browser: $(STAMP) ## Install the npm packages of the SDK tests, and Debian's chromium if it is missing (as root)
	cd tests/acceptance/node && npm install --no-package-lock --no-audit --no-fund --loglevel=error
	command -v chromium >/dev/null || { apt-get update -q && apt-get install -qy --no-install-recommends chromium; }

# They bring nothing but themselves: what they need, their successors of dev.txt need too.
setup-python: $(STAMP) ## Install older Python SDKs of the SDK tests, into a folder of their own
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --upgrade \
		--target .venv-sdks -r requirements/sdks.txt

setup-rust: ## Build the Rust SDKs of the SDK tests, and install Debian's cargo if it is missing (as root)
	command -v cargo >/dev/null || { apt-get update -q && apt-get install -qy --no-install-recommends cargo; }
	command -v pkg-config >/dev/null || { apt-get update -q && apt-get install -qy --no-install-recommends pkg-config libssl-dev; }
	cd tests/acceptance/rust && cargo build --quiet

setup-java: ## Install the Java SDK of the SDK tests, and Debian's maven if it is missing (as root)
	command -v mvn >/dev/null || { apt-get update -q && apt-get install -qy --no-install-recommends maven default-jdk-headless; }
	cd tests/acceptance/java && mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies -DoutputDirectory=lib

# Debian's would start a server of its own, which nobody needs: the tests start theirs.
setup-postgres: ## Install Debian's PostgreSQL for the tests of clusters if it is missing (as root)
	ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || { apt-get update -q && mkdir -p /etc/postgresql-common && \
		echo 'create_main_cluster = false' >> /etc/postgresql-common/createcluster.conf && \
		apt-get install -qy --no-install-recommends postgresql; }

demo: $(STAMP) ## Start everything with a Custify sandbox and send sample traffic (ARGS=--once ends by itself)
	@$(BIN)/penstock demo $(ARGS)

# One worker more than two cores have: while a test waits for a server or a browser, another one runs.
# Of each kind of bad day it tells half as many stories as `make sim` and .ci/run do.
test: $(STAMP) ## Run all tests (ARGS are pytest's)
	SIM_SEEDS=$(or $(SIM_SEEDS),100) $(BIN)/python -m pytest -n 3 --dist loadgroup -q $(ARGS)

check: $(STAMP) ## Format, lint, types
	$(BIN)/ruff format --check src tests bench
	$(BIN)/ruff check src tests bench
	$(BIN)/mypy
	$(BIN)/mypy --config-file bench/mypy.ini bench

fmt: $(STAMP) ## Put the code in shape
	$(BIN)/ruff format src tests bench
	$(BIN)/ruff check --fix src tests bench

sim: $(STAMP) ## Tell 200 stories of bad days, and prove that planted bugs are found
	$(BIN)/python -m pytest -n 2 -q tests/sim

sim-long: $(STAMP) ## Tell N stories and count the seldom states they come to, some over SQLite too; drive the stores as twins; let every write and sync fail; send N strange requests (N=100000)
	PYTHONPATH=tests $(BIN)/python tests/sim/run.py --count $(or $(N),100000)
	PYTHONPATH=tests $(BIN)/python tests/sim/run.py --count $$(( ($(or $(N),100000) + 99) / 100 )) --store sqlite
	$(BIN)/python -m pytest -q --timeout=0 --hypothesis-profile=deep tests/model/test_memory_and_sqlite_are_twins.py
	PENSTOCK_IO_STRIDE=1 $(BIN)/python -m pytest -q --timeout=0 tests/contract/test_every_nth_io_fails.py
	PYTHONPATH=tests $(BIN)/python tests/fuzz_ingest.py $(or $(N),100000)

sim-seed: $(STAMP) ## Print the story of one seed (SEED=4711; KIND=plain or ledger for the other one)
	PYTHONPATH=tests $(BIN)/python tests/sim/run.py --first $(or $(SEED),4711) --story $(or $(KIND),story)

mutants: $(STAMP) ## Change the code that decides, one small change at a time: every one must fail a quick test (FILES=src/penstock/…)
	PYTHONPATH=tests $(BIN)/python tests/mutation/run.py $(FILES)

chaos: $(STAMP) ## Make N troubles to real processes (kill -9, stops, full disk, clock, backups), and judge the history (N=200, SEED)
	PYTHONPATH=tests $(BIN)/python tests/history/chaos.py --count $(or $(N),200) --seed $(or $(SEED),4711) $(ARGS)

erasures: $(STAMP) ## Erase 20 of 200 people while N processes are killed and Custify fails, then look for them in every byte (N=30, SEED; ARGS=--encrypted)
	PYTHONPATH=tests $(BIN)/python tests/erasures/day.py --kills $(or $(N),30) --seed $(or $(SEED),1) $(ARGS)

screenshots: $(STAMP) ## Write a picture of every page, light, dark and narrow (OUT=screenshots)
	PYTHONPATH=tests $(BIN)/python tests/acceptance/screenshots.py $(or $(OUT),screenshots)

docs: $(STAMP) ## Write the generated pages: docs/mapping.md, docs/settings.md, docs/commands.md, docs/performance.md (of the recorded run)
	PYTHONPATH=tests:bench $(BIN)/python tests/tidy/generate_docs.py

cases-accept: $(STAMP) ## Rewrite the golden cases' expectations; the diff is the review
	PYTHONPATH=tests $(BIN)/python tests/cases/accept.py

# One measure after the other, each in a process of its own, with a time to end in. A machine with other work to do is no measure.
bench: $(STAMP) ## Measure all of it, each figure beside its limit (QUICK=1 is short; RECORD=1 is kept; BEFORE=checkout in turn; ARGS=names)
	@QUICK=$(QUICK) RECORD=$(RECORD) BEFORE=$(BEFORE) PYTHONPATH=bench $(BIN)/python bench/run.py $(ARGS)

abuse: $(STAMP) ## Fire what strangers can send at a running server, with honest traffic beside it (ARGS=names of attacks)
	$(BIN)/python bench/abuse.py $(ARGS)

clean: ## Remove what setup and tests made
	rm -rf .venv $(PINS) .pytest_cache .mypy_cache .ruff_cache .hypothesis tests/acceptance/node/node_modules
