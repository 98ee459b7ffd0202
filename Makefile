# The two that matter: `make demo` and `make test`. Both make .venv first if need be.

PYTHON ?= python3
WORKERS ?= 2
BIN := .venv/bin
STAMP := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test soak lint audit fuzz bench bench-accuracy docs clean

help: ## Show this list
	@grep -hE '^[a-z.-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

demo: $(STAMP) ## Forecast the airline passengers, compare with the baselines, record in mlruns/
	$(BIN)/forecast run pipelines/airline.yaml

test: lint ## Everything that must hold: lint, types, layers, tests and doctests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --doctest-modules forecast tests

soak: $(STAMP) ## What `make test` does few times, often: kills, full disks, many at once, more seeds; an hour
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --soak --timeout 7200 tests/faults \
		tests/unit/training/test_checkpoint.py tests/unit/tracking/test_outbox.py
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m soak --timeout 7200 tests/honesty

lint: $(STAMP) ## Style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fuzz: $(STAMP) ## Read thousands of damaged tables and pipelines; FUZZ_EXAMPLES=5000
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q --timeout=0 --hypothesis-profile=fuzz tests/catalogue/test_anything.py

audit: $(STAMP) ## Known weaknesses and licences of what the package stands on; needs pypi.org
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[audit]' --no-build-isolation
	$(BIN)/python tests/supply/audit.py

bench: $(STAMP) ## Measure what benchmarks/README.md states
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/speed
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/panels.py
	$(BIN)/python benchmarks/serving.py

bench-accuracy: $(STAMP) ## Score forecasts on M3, M4, ETT and exchange rates; takes hours
	$(BIN)/python benchmarks/accuracy all --check $(if $(DATA),--data $(DATA))
	$(BIN)/python benchmarks/accuracy all $(if $(DATA),--data $(DATA))
	$(BIN)/python benchmarks/accuracy/intervals.py m4_hourly,m4_weekly --data $(or $(DATA),build/data)

docs: $(STAMP) ## Check that every link and picture in the documents is there
	$(BIN)/python -m pytest -q tests/architecture/test_documents.py

clean: ## Remove what was built; mlruns/ and .venv stay
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find forecast tests benchmarks docs -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name it with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt torch==2.13.0 hatchling
	$(BIN)/python -m pip install --quiet -c constraints.txt --no-build-isolation -e '.[dev]'
	@touch $@
