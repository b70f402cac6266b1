# Two commands do everything on a fresh machine: `make demo` and `make test`.
# .venv is made once, from constraints.txt, and again only when it or pyproject.toml changes.

.PHONY: demo test test-all lint docs

PYTHONS := python3.11 python3.12 python3.13 python3.14 python3
USABLE := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))

demo: .venv/.installed
	.venv/bin/pinn-sweep demo

test: .venv/.installed
	.venv/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow and not gpu and not hosts"

test-all: .venv/.installed
	.venv/bin/python -m pytest

lint: .venv/.installed
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/codespell

docs: .venv/.installed-docs
	.venv/bin/python -m sphinx -E -W --keep-going -q -d docs/_build/doctrees docs docs/_build/html
	@echo "Open docs/_build/html/index.html in a browser."

.venv/.installed-docs: .venv/.installed
	.venv/bin/python -m pip install --disable-pip-version-check \
	  --constraint constraints.txt --editable '.[docs]'
	@touch $@

.venv/.installed: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing into .venv, once: 2 GB or more, a few minutes."
	.venv/bin/python -m pip install --disable-pip-version-check \
	  --constraint constraints.txt --editable '.[dev]'
	@touch $@

.venv/bin/python:
	@for python in $(PYTHONS); do \
	  "$$python" -c '$(USABLE)' >/dev/null 2>&1 || continue; \
	  echo "Making .venv with $$("$$python" --version)."; \
	  exec "$$python" -m venv --clear .venv; \
	done; \
	echo "pinn-sweeps needs Python 3.11 or newer with its venv module; none of these is one:" >&2; \
	for python in $(PYTHONS); do \
	  echo "  $$python: $$("$$python" --version 2>/dev/null || echo not found)" >&2; \
	done; \
	echo "On Debian and Ubuntu: apt install python3-venv. Or name one: make PYTHONS=/path/to/python" >&2; \
	exit 1
