# `make demo` and `make test` work with pixi, with uv, or with nothing but python3: uv then goes into .tools/.

ifneq ($(shell command -v pixi),)
  TOOL := pixi
  RUN := pixi run
else ifneq ($(shell command -v uv),)
  TOOL := uv
  RUN := uv run
else
  TOOL := .tools/bin/uv
  RUN := "$(CURDIR)/.tools/bin/uv" run
endif

ifdef LANDING
  export override LANDING := $(abspath $(LANDING))
endif

.PHONY: demo fleet-demo test lint template docs

demo: $(filter .tools/%,$(TOOL))  ## Stamp build/sales, build it, show its tables (LANDING=<folder>: on that data)
	rm -rf build/sales
	$(RUN) copier copy --quiet --defaults --vcs-ref HEAD --data-file tests/answers/minimal.yml "$(CURDIR)" build/sales
	git -C build/sales init --quiet
	cd build/sales && $(RUN) poe build
	@echo 'To see the graph in the browser: cd build/sales && $(RUN) poe start'

fleet-demo: $(filter .tools/%,$(TOOL))  ## Make build/fleet-demo: twelve domains to roll a release out to
	$(RUN) python -m fleet.demo make build/fleet-demo

test: lint  ## Lint and run all tests; PYTEST="-k update" for some
	$(RUN) pytest $(PYTEST)

lint: $(filter .tools/%,$(TOOL))
	$(RUN) ruff check --config pyproject.toml .
	$(RUN) ruff format --config pyproject.toml --check .

template: $(filter .tools/%,$(TOOL))  ## Write what the template derives from itself
	$(RUN) python -m tools.reserved_names
	$(RUN) python -m tools.time_zones
	$(RUN) python -m tools.sample
	$(RUN) python -m tools.template

docs: $(filter .tools/%,$(TOOL))  ## Build the docs into build/site; a broken link fails
	NO_COLOR=1 $(RUN) zensical build --strict
	@echo 'Open build/site/index.html'

.tools/bin/uv:
	python3 -m venv .tools
	.tools/bin/python -m pip install --quiet --disable-pip-version-check uv
