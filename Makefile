# `make help` lists what there is to make. Everything that is built goes to target/, .venv/ and bindings-node/node_modules/.

CARGO ?= cargo
PYTHON ?= python3
BIN := .venv/bin
TOOLS := PATH="$(CURDIR)/$(BIN):$$PATH" VIRTUAL_ENV="$(CURDIR)/.venv"

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build the command into target/debug/layerkit
	$(CARGO) build --package layerkit-cli

.PHONY: demo
demo: ## Set up what it needs and run the main job from Python, offline, in a temporary folder
	@$(PYTHON) tests/run --setup python
	@$(MAKE) --no-print-directory python
	@$(BIN)/python examples/python/main_job.py

.PHONY: test
test: ## Set up what is missing and run every test
	@$(PYTHON) tests/run

.PHONY: soak
soak: ## The long form of the tests that kill and race processes: some minutes
	@$(PYTHON) tests/run --setup apt python
	@$(MAKE) --no-print-directory python
	LAYERKIT_KILLS=200 LAYERKIT_SOAK=60 $(BIN)/pytest tests/robust

# The flags of `cargo fuzz` without its sanitizers, which need a nightly compiler: fuzz/README.md.
FUZZ_SECONDS ?= 600
FUZZ_TARGETS ?= parse expand ignore
FUZZ_FLAGS := --cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
	-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
	-Cllvm-args=-sanitizer-coverage-trace-compares
FUZZ_BUILT := target/fuzz/$(shell rustc -vV | sed -n 's/^host: //p')/release

.PHONY: fuzz
fuzz: ## Fuzz the parser, the expansion and the ignore patterns, ten minutes each (FUZZ_SECONDS=600)
	RUSTFLAGS="$(FUZZ_FLAGS)" CARGO_TARGET_DIR=target/fuzz \
	    $(CARGO) build --quiet --release --manifest-path fuzz/Cargo.toml --target $(notdir $(patsubst %/,%,$(dir $(FUZZ_BUILT))))
	for target in $(FUZZ_TARGETS); do \
	    mkdir -p target/fuzz/corpus/$$target && \
	    $(FUZZ_BUILT)/$$target -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
	        -artifact_prefix=target/fuzz/$$target- target/fuzz/corpus/$$target fuzz/corpus/$$target || exit 1; \
	done

.PHONY: format
format: ## Format the sources
	$(CARGO) fmt --all
	rustfmt --edition 2024 core/helper/src/main.rs

.PHONY: format-check
format-check:
	$(CARGO) fmt --all --check
	rustfmt --edition 2024 --check core/helper/src/main.rs

.PHONY: clippy
clippy: ## Lint the sources, warnings as errors
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings
	mkdir -p target/helper-lint
	sed 's#@SOURCES@#$(CURDIR)/core/helper/src#' core/helper/Cargo.toml.in > target/helper-lint/Cargo.toml
	cp core/helper/Cargo.lock target/helper-lint/
	cd target/helper-lint && $(CARGO) clippy --locked --quiet -- -D warnings

.PHONY: python
python: ## Build the Python module into .venv
	$(TOOLS) maturin develop --quiet --manifest-path bindings-python/Cargo.toml --profile dev

.PHONY: python-types
python-types: ## Check the Python module's types, stubs and style
	$(TOOLS) mypy --strict --config-file bindings-python/pyproject.toml --package layerkit
	$(TOOLS) python -m mypy.stubtest layerkit
	$(TOOLS) ruff check --config bindings-python/pyproject.toml bindings-python examples/python

.PHONY: node
node: ## Build the Node addon in place
	cd bindings-node && CARGO=$(CURDIR)/bindings-node/native-cargo npm run --silent build

# What the conformance cases, the transcripts and the tests with peers run.
.PHONY: programs
programs:
	$(CARGO) programs
	$(MAKE) --no-print-directory -C tests/conformance/drivers/c

# What every driver is started with.
DRIVERS = \
	--driver "rust=target/debug/layerkit-conformance-driver" \
	--driver "c=target/c/driver" \
	--driver "python=$(BIN)/python tests/conformance/drivers/python/driver.py" \
	--driver "node=node --expose-gc tests/conformance/drivers/node/driver.mjs bindings-node"

.PHONY: conformance
conformance: programs python node ## Run the conformance cases through all four languages
	target/debug/conformance $(DRIVERS)

# The libraries are built before: `make python node` and `make -C bindings-c stage`.
.PHONY: examples
examples: ## Run the example of every language
	$(BIN)/python examples/python/main_job.py
	$(BIN)/python examples/python/registry.py
	$(BIN)/python examples/python/builder.py
	$(BIN)/python examples/python/containers.py
	node examples/node/main-job.mjs
	node examples/node/registry.mjs
	node examples/node/builder.mjs
	node examples/node/containers.mjs
	bindings-c/tests/check $(CURDIR)/target/c example

.PHONY: generate
generate: ## Write the generated files: the C header and the TypeScript declarations
	$(MAKE) --no-print-directory -C bindings-c header
	$(MAKE) --no-print-directory node

.PHONY: bench-peers
bench-peers: ## Measure the command beside Docker and write docs/benchmarks.md (as root; long)
	@$(PYTHON) tests/run --setup apt
	$(CARGO) build --release --package layerkit-cli
	$(PYTHON) benches/peers/run.py
