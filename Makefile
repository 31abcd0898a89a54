.DEFAULT_GOAL := help
.PHONY: setup check test faults bench demo docs constraints help

setup:  ## the virtual environment with every tool
	./deploy.sh setup

check:  ## ruff, mypy, import contracts
	./deploy.sh check

test:  ## check, then every test (ARGS="-k window" reaches pytest)
	./deploy.sh test $(ARGS)

faults: setup  ## everything that breaks things on purpose, at every point there is; prints a table
	FAULTS=all .venv/bin/python -m pytest tests/faults -n 2 --dist worksteal $(ARGS)

bench: setup  ## the benchmarks; each prints a ratio (ARGS="night startup" chooses)
	.venv/bin/python -m bench $(ARGS)

demo:  ## the whole pipeline over the sample recordings
	./deploy.sh demo

docs: setup  ## docs/cli.md from the commands
	.venv/bin/typer meeting_pipeline.cli.app utils docs --name meeting --output docs/cli.md

constraints:  ## constraints.txt anew: the newest versions that pyproject.toml allows
	tools/constraints

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
