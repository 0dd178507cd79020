# make demo   sets up and runs the main job against the built-in simulator: no account needed
# make test   sets up and passes every check
# make lab    opens the notebooks in JupyterLab

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
NPM := tests/simulator/npm
# Threads of the numeric libraries are kept few: tests run side by side.
export OMP_NUM_THREADS ?= 2

.PHONY: demo test lint unit npm-clients notebooks-check lab notebooks torture test-torture bench test-spark format clean

demo: $(READY)
	$(BIN)/smsdata demo

test: lint unit notebooks-check

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(READY)
	@$(MAKE) npm-clients || echo "The tests of other people's clients are skipped." >&2
	$(BIN)/python -m compileall -q smsdata  # hundreds of tests start a process of their own
	$(BIN)/pytest -n 2 --dist worksteal

# Other people's clients of the gateway, which tests drive against the twin.
npm-clients: $(NPM)/node_modules/.package-lock.json

$(NPM)/node_modules/.package-lock.json: $(NPM)/package-lock.json
	npm ci --prefix $(NPM) --ignore-scripts --no-audit --no-fund --silent --fetch-retries=1 --fetch-timeout=60000
	touch $@

notebooks-check: $(READY)
	SMSDATA_PROGRESS=0 $(BIN)/pytest --nbval notebooks -n 2 --dist loadfile

lab: $(READY)
	$(BIN)/jupyter lab notebooks $(if $(filter 0,$(shell id -u)),--allow-root)

# Run the notebooks again and keep what they print.
notebooks: $(READY)
	SMSDATA_PROGRESS=0 $(BIN)/jupyter nbconvert --to notebook --execute --inplace \
		--ExecutePreprocessor.record_timing=False notebooks/*.ipynb

# The short forms of the torture: some five minutes, each with bugs made on purpose that it must catch.
test-torture: $(READY)
	$(BIN)/pytest -n 2 --dist worksteal tests/torture -m torture

torture: $(READY)
	$(BIN)/python -m tests.torture all

bench: $(READY)
	$(BIN)/python benchmarks/drain.py
	$(BIN)/python benchmarks/analysis.py
	$(BIN)/python benchmarks/optout_words.py
	$(BIN)/python benchmarks/callbacks.py
	$(BIN)/python benchmarks/accounts.py

test-spark: $(READY)
	@command -v java > /dev/null || test -n "$(JAVA_HOME)" || { echo "make test-spark needs Java 17 or newer; there is none." >&2; exit 1; }
	$(BIN)/pip install -q -c constraints.txt -e '.[spark]'
	$(BIN)/pytest tests -m spark

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "smsdata needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(READY)

clean:
	rm -rf $(VENV) $(NPM)/node_modules build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
