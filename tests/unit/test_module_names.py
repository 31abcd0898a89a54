"""Modules and files that are named in strings, comments and pages are there.

An import that is stale fails; a name in a program for another process, in a list of the tools or in
a sentence would be found when somebody trips over it.
"""

import re
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from functools import cache
from importlib import import_module
from itertools import takewhile
from pathlib import Path

import pytest

import meeting_pipeline

ROOT = Path(__file__).parents[2]
PACKAGE = meeting_pipeline.__name__
NAMING = (
    *("*.md", "*.py", "*.toml", "Makefile", "deploy.sh", ".importlinter", ".ci/*", "docs/*.md"),
    *("bench/**/*.md", "bench/**/*.sh", "tools/*"),
    *(f"{folder}/**/*.py" for folder in (PACKAGE, "tests", "bench")),
)
HISTORY = {"CHANGELOG.md"}
"""It tells of modules that were."""

PLANNED = {
    f"{PACKAGE}.{name}" for name in ["serve", "summaries", "conversations", "tasks", "people"]
}
"""What `.importlinter` has a place for already."""

SHOWN_HOW_TO_ADD = {
    f"{PACKAGE}.adapters.llm.opening",
    f"{PACKAGE}.wiring.factories.opening_summarizer",
}
"""The back end that CONTRIBUTING.md adds."""

ELSEWHERE = {f"{PACKAGE}/sql"}
"""Paths that only an installed package has."""

NO_MODULES = {
    *("audio.levels", "model.bin", "usage.call"),  # files, and a column
    *("meta.teacher_id", "wanted.limit", "wanted.after"),  # arguments
}
"""What reads like the name of something in a module, beside the names of these kinds of files:"""

SUFFIXES = ("json", "jsonl", "md", "py", "sh")
PAGES = {"architecture.md", "CONTRIBUTING.md"}
"""They say what is where in the package."""

DOTTED = re.compile(rf"\b{PACKAGE}(?:\.\w+)+")
IMPORTED = re.compile(rf"\bfrom ({PACKAGE}[\w.]*) import (\w[\w, ]*)")
QUOTED = re.compile(r"`([a-z_]\w*(?:\.\w+)+)(?:\(\))?`")
FILE = re.compile(r"`((?:\w+/)*\w+\.py)`")
FOLDER = re.compile(r"`((?:\w+/)+)`")
PATH = re.compile(rf"(?<![\w/.-])((?:{PACKAGE}|tests|bench|tools|docs)/[\w./-]*\w)")


def texts() -> Iterator[tuple[Path, str]]:
    """Every file of ours that may name modules, by its path from the root."""
    for path in sorted({path for pattern in NAMING for path in ROOT.glob(pattern)}):
        if path.is_file() and path.name not in HISTORY:
            yield path.relative_to(ROOT), path.read_text("utf-8")


@cache
def is_there(name: str) -> bool:
    """Whether a dotted name is a module of ours, or leads from one to something in it."""
    words = name.split(".")
    modules = list(takewhile(is_module, (words[:end] for end in range(1, len(words) + 1))))
    if not modules:
        return False
    found: object = import_module(".".join(modules[-1]))
    for word in words[len(modules) :]:
        if not hasattr(found, word):
            return False
        found = getattr(found, word)
    return True


def is_module(words: list[str]) -> bool:
    path = ROOT.joinpath(*words)
    return path.joinpath("__init__.py").exists() or path.with_suffix(".py").exists()


def quoted_as_seen_from(path: Path, name: str) -> Iterator[str]:
    """What a name without the package's own may stand for: from the root, or beside `path`."""
    here = path.parts[:-1] if path.parts[0] == PACKAGE else (PACKAGE,)
    for end in range(1, len(here) + 1):
        yield ".".join((*here[:end], name))


def test_every_name_of_a_module_leads_somewhere() -> None:
    stale = [
        f"{path}: {name}"
        for path, text in texts()
        for name in DOTTED.findall(text)
        if not is_there(name) and name not in PLANNED | SHOWN_HOW_TO_ADD
    ]
    assert stale == []


def test_every_import_that_is_written_leads_somewhere() -> None:
    """Also those in programs for other processes."""
    stale = [
        f"{path}: {module}.{name}"
        for path, text in texts()
        for module, names in IMPORTED.findall(text)
        if module not in SHOWN_HOW_TO_ADD
        for name in (one.split(" as ")[0].strip() for one in names.split(","))
        if not is_there(f"{module}.{name}")
    ]
    assert stale == []


def test_what_a_sentence_quotes_from_a_module_is_there() -> None:
    stale = [
        f"{path}: {name}"
        for path, text in texts()
        for name in QUOTED.findall(text)
        if path.parts[0] in (PACKAGE, "bench") or path.name in PAGES
        if name.split(".")[0] not in sys.stdlib_module_names
        if name not in NO_MODULES and name.split(".")[-1] not in SUFFIXES
        if not any(map(is_there, (name, *quoted_as_seen_from(path, name))))
    ]
    assert stale == []


def test_every_path_that_is_named_exists() -> None:
    stale = [
        f"{path}: {named}"
        for path, text in texts()
        for named in PATH.findall(text)
        if named not in ELSEWHERE and not (ROOT / named).exists()
    ]
    assert stale == []


def test_every_source_file_that_a_sentence_names_exists() -> None:
    """By the end of its path, as `docs/architecture.md` has them."""
    files = [f"/{path}" for path, _ in texts()]
    stale = [
        f"{path}: {named}"
        for path, text in texts()
        for named in FILE.findall(text)
        if not any(file.endswith(f"/{named}") for file in files)
    ]
    assert stale == []


def test_every_layer_is_a_module() -> None:
    """Those in parentheses may be absent, so nothing else tells when they are."""
    contracts = ConfigParser()
    contracts.read(ROOT / ".importlinter", "utf-8")
    layers = [
        f"{contract['containers']}.{layer}"
        for contract in map(contracts.__getitem__, contracts.sections())
        if "containers" in contract
        for layer in re.findall(r"\w+", contract["layers"])
    ]
    assert layers
    assert [layer for layer in layers if not is_there(layer) and layer not in PLANNED] == []


def test_every_folder_that_a_page_about_the_code_names_exists() -> None:
    stale = [
        f"{path}: {named}"
        for path, text in texts()
        if path.name in PAGES
        for named in FOLDER.findall(text)
        if not any((above / named).is_dir() for above in (ROOT, ROOT / PACKAGE))
    ]
    assert stale == []


@pytest.mark.parametrize(
    "name", ["no_such_module", "errors.NoSuchError", "adapters.no_such_module", "errors.py.x"]
)
def test_what_is_not_there_is_seen(name: str) -> None:
    assert not is_there(f"{PACKAGE}.{name}")
