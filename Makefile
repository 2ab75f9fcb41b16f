# Two commands: `make run` brings the platform to life, `make test` proves it. The rest is for those who change it.
# Everything is installed into, and written inside, this folder.

PYTHON ?= $(shell for p in python3.12 python3.11 python3; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null && { command -v $$p; break; }; done)
PORT ?= 3000
BIN := .venv/bin

export DAGSTER_HOME := $(CURDIR)/dagster_home
export DAGSTER_DISABLE_TELEMETRY := yes
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export GX_ANALYTICS_ENABLED := false
export DO_NOT_TRACK := 1
export UV_PYTHON_DOWNLOADS := never
export UV_CACHE_DIR := $(CURDIR)/.venv/cache
export UV_NO_CONFIG := 1
export PIP_NO_CACHE_DIR := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run demo-sources install test lint types contracts check bench lock clean

run: .venv/installed
	@$(BIN)/emtp demo
	@exec $(BIN)/emtp serve --puerto $(PORT)

# The five ways in without a ministry: test systems on this machine. SIN=sqlserver shows one that does not answer.
demo-sources: .venv/installed-dev
	@exec $(BIN)/python -m emtp_assets_tests.servers --puerto $(PORT) $(foreach s,$(SIN),--sin $(s))

install: .venv/installed

# In the order of the files: by number of tests, the files with few and slow ones would come last, on one core alone.
test: .venv/installed-dev
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.venv/uv: bootstrap.lock
	@test -n "$(PYTHON)" || { echo "Se necesita Python 3.11 o 3.12 (en Debian: apt install python3 python3-venv)"; exit 1; }
	@echo "Creando el entorno con $(PYTHON)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -q --require-hashes -r bootstrap.lock
	@touch $@

# --no-build-isolation: the build backend comes from the lock too.
.venv/installed: .venv/uv requirements.lock pyproject.toml
	@echo "Instalando (una sola vez, 1 a 2 minutos)"
	@$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes --compile-bytecode -r requirements.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

# pycanon, which counts k-anonymity beside us, pins pandas 2 and works with ours: it comes without what it asks for.
.venv/installed-dev: .venv/installed requirements-dev.lock pycanon.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes --compile-bytecode -r requirements-dev.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes --no-deps -r pycanon.lock
	@touch $@

lint: .venv/installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: .venv/installed-dev
	@$(BIN)/basedpyright

# What Dagster and dbt themselves say of the definitions.
contracts: .venv/installed-dev
	@$(BIN)/dagster definitions validate -w workspace.yaml
	@cd dbt_project && ../$(BIN)/dbt --quiet parse --profiles-dir . --target-path ../.venv/dbt-target --log-path ../.venv/dbt-logs

check: lint types contracts test

bench: .venv/installed-dev
	@$(BIN)/python -m benchmarks

# The lock is an export that names no host; uv.lock itself does, so it is not kept.
lock: .venv/uv
	@$(BIN)/uv lock -q
	@$(BIN)/uv export -q --format requirements-txt --no-emit-project --no-dev --no-header -o requirements.lock >/dev/null
	@$(BIN)/uv export -q --format requirements-txt --no-emit-project --all-groups --no-header -o requirements-dev.lock >/dev/null
	@! grep -nE '://|^-' requirements.lock requirements-dev.lock bootstrap.lock

clean:
	@echo "Borra datos, historia y entorno de esta carpeta. Si está seguro: git clean -xdf"
