# Two commands are the whole set-up: `make run` and `make test`. Everything else is a convenience.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: run test crash lint lock sbom pip-audit clean help
.DEFAULT_GOAL := help

help:
	@echo "make run    start the whole demo on this machine (Ctrl-C stops it, the next run goes on)"
	@echo "make test   everything CI runs"
	@echo "make crash  kill everything at random while 200 orders come in, then check every book"
	@echo "make lint   ruff, two type checkers, the import contract"
	@echo "make sbom   write sbom.json, a CycloneDX list of every pinned package"
	@echo "make pip-audit  compare the pinned packages with published advisories (needs the network)"
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
test: $(READY)
	$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder

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

sbom: $(READY)
	$(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --no-validate --output-format JSON \
		--output-file sbom.json requirements.lock

# The lock is what is audited: nothing is resolved or installed. 1: advisories were found; 2: not everything could be compared.
pip-audit: $(READY)
	@$(BIN)/pip-audit --requirement requirements.lock --require-hashes --disable-pip --progress-spinner off > .pip-audit.out 2>&1; \
	code=$$?; cat .pip-audit.out; \
	if grep -qE 'could not be audited|ConnectionError|ServiceError|Max retries|HTTPError|Timeout' .pip-audit.out; then code=2; \
		echo "pip-audit: the advisory service was not reached for these, so they were NOT compared; run it where pypi.org answers"; fi; \
	rm -f .pip-audit.out; exit $$code

clean:
	rm -rf $(VENV) .promisekeeper .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build *.egg-info
