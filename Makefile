# make run: start Roomful. make test: all tests. make check: formatter, linter, types, migrations.
# make messages: bring the translations up to date with the sources, and name what is left to translate.
# make test-faults: what people see while servers are killed and services fail, some minutes more.
# make pictures: take those of the documentation anew, after a change of what they show.
# make bench: measure it beside others, half an hour; make bench PART=fanout: one part of that.

PYTHON ?= python3
VENV ?= .venv

# Installing is skipped until the pinned requirements change.
INSTALLED = $(VENV)/.installed
INSTALLED_FOR_TESTS = $(VENV)/.installed-for-tests

.PHONY: run test test-faults check messages coverage bench pictures

run: $(INSTALLED)
	@exec $(VENV)/bin/python manage.py serve --prepare

test: $(INSTALLED_FOR_TESTS)
	@tests/prepare.sh
	@VENV=$(VENV) tests/run.sh

# Two at once, since most of the time somebody waits for a lease to lapse or a page to come back.
test-faults: $(INSTALLED_FOR_TESTS)
	@tests/prepare.sh
	@$(VENV)/bin/python -m pytest -q tests/faults --numprocesses=2 --dist=load

# By itself, because measuring makes the tests take about three times as long.
coverage: $(INSTALLED_FOR_TESTS)
	@tests/prepare.sh
	$(VENV)/bin/python -m pytest -q tests --ignore=tests/browser --ignore=tests/faults \
	  --ignore=tests/test_topology.py \
	  --cov --cov-report=
	$(VENV)/bin/python -m pytest -q tests --ignore=tests/browser --ignore=tests/faults --stack=full \
	  --cov --cov-append

pictures: $(INSTALLED_FOR_TESTS)
	@tests/prepare.sh
	@PICTURES=retake $(VENV)/bin/python -m pytest -q tests/browser/test_pictures.py --stack=browser

bench: $(INSTALLED_FOR_TESTS)
	@tests/prepare.sh
	@$(VENV)/bin/python -m tests.bench $(PART)

check: $(INSTALLED_FOR_TESTS)
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/ruff check
	$(VENV)/bin/mypy
	$(VENV)/bin/python manage.py makemigrations --check --dry-run
	$(VENV)/bin/python manage.py check --deploy

messages: $(INSTALLED_FOR_TESTS)
	@$(VENV)/bin/python -m tests.messages

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(INSTALLED): requirements.txt | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(INSTALLED_FOR_TESTS): tests/requirements.txt $(INSTALLED)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@
