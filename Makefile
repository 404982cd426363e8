# Two commands: `make run` and `make test`. Each makes what it needs; a second time it installs nothing.
export DO_NOT_TRACK = true

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run try test slow-test browser-test spark-test store-test check benchmark viz-site clean

run: $(VENV)/.installed  ## from raw ratings to the leaderboard
	$(BIN)/kedro run

try: $(VENV)/.installed  ## a page that shows what the champions recommend
	$(BIN)/kedro try

PYTEST = env -u PYTHONDONTWRITEBYTECODE OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist worksteal
ELSEWHERE = not spark and not browser and not store

test: $(VENV)/.installed-dev  ## the tests, but for those of whole runs
	$(PYTEST) -m "not slow and $(ELSEWHERE)"

slow-test: $(VENV)/.installed-dev  ## whole runs, one after another: resumed, repeated, killed, updated, promoted
	$(PYTEST) -m "slow and $(ELSEWHERE)"

spark-test: $(VENV)/.installed-spark  ## the tests of Apache Spark, which need Java 17 or 21
	$(BIN)/python -m pytest -m spark tests/cluster

store-test: $(VENV)/.installed-postgresql  ## a tracking server and studies in PostgreSQL, which has to be there
	$(BIN)/python -m pytest -m store tests/store

browser-test: $(VENV)/.installed-browser  ## the page in a headless Chromium, which has to be there
	$(BIN)/python -m pytest -m browser tests/page

check: $(VENV)/.installed-dev  ## lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

benchmark: $(VENV)/.installed-dev  ## every protocol over split seeds 1 to 5: writes docs/results.md and docs/variational.md
	$(BIN)/python -m benchmarks.results
	$(BIN)/python -m benchmarks.results --plan benchmarks/results/variational.yml --page docs/variational.md --title "The variational autoencoder"

viz-site: $(VENV)/.installed  ## the pipeline as a static site in build/, with the previews of the last run
	$(BIN)/kedro viz build --include-previews
	@sed -i.bak -e '/rel="preconnect"/d' -e 's|https://fonts.googleapis.com/[^"]*|data:text/css,|' build/index.html build/404.html
	@rm build/index.html.bak build/404.html.bak  # a page waits for its fonts, for minutes behind a firewall

clean:  ## what a run or an installation has made, but for the raw data
	rm -rf $(VENV) mlflow.db* optuna.db* mlartifacts
	find data -mindepth 2 -not -path 'data/01_raw/*' -not -name .gitkeep -delete

INSTALL = $(BIN)/python -m pip install --quiet --constraint requirements.lock --editable
SAY = @echo 'Installing into $(VENV), for some minutes: 2 GB, and more where pip takes torch with CUDA.'

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 run")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: pyproject.toml requirements.lock | $(VENV)/.created
	$(SAY)
	$(INSTALL) .
	@touch $@

$(VENV)/.installed-browser: $(VENV)/.installed-dev
	$(INSTALL) '.[dev,browser]'
	@touch $@

$(VENV)/.installed-postgresql: $(VENV)/.installed-dev
	$(INSTALL) '.[dev,postgresql]'
	@touch $@

$(VENV)/.installed-spark: $(VENV)/.installed-dev
	$(INSTALL) '.[dev,spark]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml requirements.lock | $(VENV)/.created
	$(SAY)
	$(INSTALL) '.[dev]'
	@touch $@ $(VENV)/.installed  # it has all that a run needs
