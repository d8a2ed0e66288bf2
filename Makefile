# Two commands are the whole set-up: `make run` and `make test`. Everything else is a convenience.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: run test browser screenshots crash lint lock clean help
.DEFAULT_GOAL := help

help:
	@echo "make run    start the whole demo on this machine (Ctrl-C stops it, the next run goes on)"
	@echo "make test   everything CI runs"
	@echo "make crash  kill everything at random while 200 orders come in, then check every book"
	@echo "make screenshots  take the pictures of the documents again"
	@echo "make lint   ruff, two type checkers, the import contract"
	@echo "make lock   resolve pyproject.toml into requirements.lock again"
	@echo "make clean  remove .venv, caches and the demo's data"

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Promisekeeper needs Python 3.11 or newer; $(PYTHON) is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 run")'
	@rm -f $(READY)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

run: $(READY)
	@exec $(BIN)/promisekeeper dev

# Four at once: most tests wait for another process most of the time. A file stays together, and so does what it shares.
test: $(READY) browser
	$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder

# The Chromium of the browser tests: the one that is here, else Debian's. Without one they are skipped; on CI they fail.
browser: $(READY)
	@$(BIN)/python tests/desk/chromium.py

# The pictures in docs/pictures, which the browser tests take as they go.
screenshots: $(READY) browser
	PICTURES=docs/pictures $(BIN)/python -m pytest tests/desk

# The long form of what the suite tries shortly: every part is killed at random while 200 orders come in.
crash: $(READY)
	CRASH_BACKORDERS=$${CRASH_BACKORDERS:-200} CRASH_KILLS=$${CRASH_KILLS:-60} $(BIN)/python -m pytest tests/crash -s

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/basedpyright

lock: $(READY)
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --generate-hashes --python-version 3.11 \
		--custom-compile-command "make lock" --quiet --output-file requirements.lock

clean:
	rm -rf $(VENV) .promisekeeper .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build *.egg-info
