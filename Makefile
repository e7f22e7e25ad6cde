# `make help` lists what there is to make. Everything that is built goes to target/, .venv/ and bindings-node/node_modules/.

CARGO ?= cargo
PYTHON ?= python3

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build the command into target/debug/layerkit
	$(CARGO) build --package layerkit-cli

.PHONY: test
test: ## Set up what is missing and run every test
	@$(PYTHON) tests/run

.PHONY: format
format: ## Format the Rust sources
	$(CARGO) fmt --all
