"""B3.3, B3.4 and B3.8: what the linter refuses in our code, and what we are built from."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
DANGEROUS = {
    "S608": "def f(title: str) -> str:\n    return f\"SELECT id FROM t WHERE a = '{title}'\"\n",
    "S602": "import subprocess\n\n\ndef f(a: str) -> None:\n    subprocess.run(a, shell=True)\n",
    "S603": "import subprocess\n\n\ndef f(a: str) -> None:\n    subprocess.run([a])\n",
    "S605": "import os\n\n\ndef f(a: str) -> None:\n    os.system(a)\n",
    "S301": "import pickle\n\n\ndef f(a: bytes) -> object:\n    return pickle.loads(a)\n",
    "S501": 'import requests\n\nrequests.get("https://a", verify=False, timeout=1)\n',
}
REVIEWED = {
    "S311": ["meeting_pipeline/adapters/llm/refusals.py"],
    "S603": [
        "meeting_pipeline/adapters/processes/command.py",
        "meeting_pipeline/adapters/processes/process_group.py",
        "meeting_pipeline/actions/schedule.py",
    ],
}
"""Where a rule of this kind is off: each is a list of words, or a number that is no secret."""


@pytest.mark.parametrize("rule", DANGEROUS)
def test_security_03_and_security_04_the_linter_refuses_it_in_the_package(rule: str) -> None:
    command = [sys.executable, "-m", "ruff", "check", "--output-format=concise"]
    here = ["--stdin-filename", str(ROOT / "meeting_pipeline" / "planted.py"), "-"]
    ended = subprocess.run(
        [*command, *here],
        input=DANGEROUS[rule],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert f" {rule} " in ended.stdout, ended.stderr


def test_security_04_where_such_a_rule_is_off_somebody_has_looked() -> None:
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "meeting_pipeline").rglob("*.py")):
        for rule in re.findall(r"noqa: .*?\b(S\d{3})", path.read_text("utf-8")):
            found.setdefault(rule, []).append(str(path.relative_to(ROOT)))
    assert found == {rule: sorted(paths) for rule, paths in REVIEWED.items()}
    assert "shell=True" not in "".join(
        path.read_text("utf-8") for path in (ROOT / "meeting_pipeline").rglob("*.py")
    )


def test_security_08_every_package_we_are_tested_with_has_its_version_written_down() -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert all(re.fullmatch(r"[\w.]+", version) for version in pinned.values())
    named = {_normal(name) for name in pinned}
    wanted = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["offline"]]
    for requirement in wanted:
        if "python_version >= '3.13'" not in requirement:
            assert _normal(re.split(r"[\[<>=; ]", requirement)[0]) in named


def test_security_08_the_installation_keeps_to_them() -> None:
    script = (ROOT / "deploy.sh").read_text("utf-8")
    installing = [line for line in script.splitlines() if re.search(r"pip install", line)]
    assert installing
    assert all("-c constraints.txt" in line for line in installing), installing


def test_security_08_the_page_says_how_many_packages_we_need() -> None:
    page = (ROOT / "docs" / "security.md").read_text("utf-8")
    direct = len(PROJECT["dependencies"])
    assert f"{direct} packages" in page
    for requirement in PROJECT["dependencies"]:
        assert f"`{re.split(r'[<>=; ]', requirement)[0].partition('[')[0]}`" in page


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
