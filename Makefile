.DEFAULT_GOAL := help
.PHONY: setup check quick test faults bench demo docs constraints help

setup:  ## make the virtual environment with every tool
	./deploy.sh setup

check:  ## ruff, mypy, import contracts, spelling
	./deploy.sh check

quick: setup  ## unit and contract tests on SQLite: under a minute, no root, no server
	.venv/bin/python -m pytest tests/unit tests/contracts -n 2 --dist worksteal \
		-m "not mariadb and not slow" --hypothesis-profile=quick $(ARGS)

test:  ## run check, then every test (ARGS="-k window" reaches pytest)
	./deploy.sh test $(ARGS)

faults: setup  ## inject every fault at every point; prints a table
	FAULTS=all .venv/bin/python -m pytest tests/faults -n 2 --dist worksteal $(ARGS)

bench: setup  ## run the benchmarks; each prints a ratio (ARGS="night startup" chooses)
	.venv/bin/python -m bench $(ARGS)

demo:  ## run the whole pipeline over the sample recordings
	./deploy.sh demo

docs: setup  ## generate docs/cli.md from the commands
	.venv/bin/typer meeting_pipeline.cli.app utils docs --name meeting --output docs/cli.md

constraints:  ## write constraints.txt again, with the newest versions that pyproject.toml allows
	tools/constraints

help:  ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
