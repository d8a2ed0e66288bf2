# Two commands are the whole set-up: `make run` and `make test`. Everything else is a convenience.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: run test browser screenshots crash fuzz bench lint mypy basedpyright lock clean histories fingerprint sbom pip-audit help
.DEFAULT_GOAL := help

# Bytecode is kept whatever the surroundings say: in its sandbox each workflow imports its modules anew.
export PYTHONDONTWRITEBYTECODE :=

help:
	@echo "make run    start the whole demo on this machine (Ctrl-C stops it, the next run goes on)"
	@echo "make test   everything CI runs"
	@echo "make crash  kill everything at random while 200 orders come in, then compare every book (about a quarter of an hour)"
	@echo "make fuzz   damage 20,000 documents of every format (FUZZ_DOCUMENTS=, FUZZ_SEED=, FUZZ_FORMATS=\"x12 csv\") and read them"
	@echo "make bench  measure it (ONLY=merge,fanout SIZE=tiny|small|full PUBLISH=1); see docs/scale.md"
	@echo "make screenshots  take the pictures of the documents again"
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

# Five at once: most tests wait for another process most of the time. A file stays together, and so does what it shares.
# The long ones first, so that at the end nobody waits for one of them.
LONG := workflows upgrade privacy bench crash production desk docs stack

OTHERS := $(filter-out $(LONG:%=tests/%) tests/__pycache__,$(patsubst %/,%,$(wildcard tests/*/)) $(wildcard tests/test_*.py))

test: $(READY) browser
	$(BIN)/python -m pytest -n 5 --dist loadfile --no-loadscope-reorder $(LONG:%=tests/%) $(OTHERS)

# The Chromium of the browser tests: the one that is here, else Debian's. Without one they are skipped; on CI they fail.
browser: $(READY)
	@$(BIN)/python tests/desk/chromium.py

# The pictures in docs/pictures, which the browser tests take as they go.
screenshots: $(READY) browser
	PICTURES=docs/pictures $(BIN)/python -m pytest tests/desk

# The long form of what the suite tries shortly: every part is killed at random while 200 orders come in.
crash: $(READY)
	CRASH_BACKORDERS=$${CRASH_BACKORDERS:-200} CRASH_KILLS=$${CRASH_KILLS:-60} $(BIN)/python -m pytest tests/crash -s

# The long form of what the suite tries shortly. The same seed makes the same documents.
fuzz: $(READY)
	$(BIN)/python -m tests.connectors.fuzz --documents $${FUZZ_DOCUMENTS:-20000} --seed $${FUZZ_SEED:-1} $(FUZZ_FORMATS)

# Figures of a machine that does something else as well are worth nothing; the report says how loaded it was.
bench: $(READY)
	$(BIN)/python -m bench $(if $(ONLY),--only $(ONLY)) $(if $(SIZE),--size $(SIZE)) $(if $(PUBLISH),--publish --output docs/figures/bench.json) $(if $(PROFILE),--profile)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	@$(MAKE) --jobs 2 mypy basedpyright

# Each takes one processor and most of a minute.
mypy basedpyright: $(READY)
	$(BIN)/$@

# Three: what a developer needs, what an image holds, and what builds it. All of one resolution.
LOCK := uv pip compile --universal --generate-hashes --python-version 3.11 --custom-compile-command "make lock" --quiet

lock: $(READY)
	$(BIN)/$(LOCK) pyproject.toml --extra dev --output-file requirements.lock
	$(BIN)/$(LOCK) pyproject.toml --constraint requirements.lock --output-file requirements.production.lock
	$(BIN)/$(LOCK) --group pyproject.toml:build --constraint requirements.lock --output-file requirements.build.lock

# What workflows did under this release, for every later one to replay (docs/changing-workflows.md).
histories: $(READY)
	rm -rf tests/replay/histories/0.3
	PROMISEKEEPER_RECORD_HISTORIES=tests/replay/histories/0.3 $(BIN)/python -m pytest -q -n 4 --dist loadfile tests/workflows
	$(BIN)/python -m tests.replay.recording tests/replay/histories/0.3

fingerprint: $(READY)
	$(BIN)/python -m tests.replay.fingerprint

sbom: $(READY)
	$(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --no-validate --output-format JSON \
		--output-file sbom.json requirements.production.lock

# The lock is what is audited: nothing is resolved or installed. 1: advisories were found; 2: not everything could be compared.
pip-audit: $(READY)
	@$(BIN)/pip-audit --requirement requirements.lock --require-hashes --disable-pip --progress-spinner off > .pip-audit.out 2>&1; \
	code=$$?; cat .pip-audit.out; \
	if grep -qE 'could not be audited|ConnectionError|ServiceError|Max retries|HTTPError|Timeout' .pip-audit.out; then code=2; \
		echo "pip-audit: the advisory service was not reached for these, so they were NOT compared; run it where the package index answers"; fi; \
	rm -f .pip-audit.out; exit $$code

clean:
	rm -rf $(VENV) .promisekeeper .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build *.egg-info
