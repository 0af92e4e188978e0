# make install   set everything up: .venv, packages, the default model
# make run       the dashboard on http://127.0.0.1:8501 (PORT=… for another port)
# make test      all tests, the one in a real browser included
# make lint      ruff and mypy

PORT ?= 8501
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install run test lint clean

install: $(VENV)/.installed $(VENV)/.model

run: install
	@$(BIN)/python -m avss_core serve --port $(PORT)

test: install $(VENV)/.installed-test
	@$(BIN)/python -m pytest

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/.installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one with make PYTHON=…"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed requirements-test.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-test.txt
	@touch $@

$(VENV)/.model: $(VENV)/.installed
	$(BIN)/python -m avss_core.models.default
	@touch $@

clean:
	rm -rf $(VENV)
