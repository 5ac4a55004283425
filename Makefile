# `make run` opens the web chat on the demo company, `make ask` a conversation here; `make test` is what CI runs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: run ask test cluster install check bench docs site deploy-check clean

run: $(VENV)/.installed
	$(BIN)/askcost serve

ask: $(VENV)/.installed
	@test -f $${ASKCOST_WAREHOUSE:-warehouse/askcost.duckdb} || $(BIN)/askcost demo
	$(BIN)/askcost ask

test: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest

check: $(VENV)/.installed-test
	$(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports

cluster: $(VENV)/.installed-test  # the tests on a real Spark cluster, started here from PySpark's jars (500 MB, Java 17)
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt -e ".[cluster]"
	$(BIN)/pytest tests/test_spark.py -o addopts="-q"

bench: $(VENV)/.installed-test
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt -e ".[bench]"
	for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file; done

install: $(VENV)/.installed

$(VENV)/bin/uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet uv

$(VENV)/.installed: $(VENV)/bin/uv pyproject.toml constraints.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode -c constraints.txt -e ".[web]"
	$(BIN)/python -m compileall -q assistant
	$(BIN)/python -c "import assistant.surfaces.web.page"  # what `make run` needs is there without the tests' packages
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode -c constraints.txt -e ".[test,web,llm,slack,mcp,postgres,report,docs]"
	@touch $@

docs: $(VENV)/.installed
	$(BIN)/python docs/generate.py

site: $(VENV)/.installed-test
	$(BIN)/zensical build --strict --clean

deploy-check: $(VENV)/.installed-test
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt -e ".[deploy]"
	$(BIN)/hadolint deploy/Containerfile
	$(BIN)/kubernetes-validate --strict --quiet deploy/kubernetes.yaml

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
