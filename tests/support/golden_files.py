"""Texts that were written down once and are to stay as they are."""

import difflib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_AGAIN = "if that is meant: pytest tests/golden --golden-update, and read the difference in git"


@dataclass(frozen=True)
class GoldenFiles:
    """The files below a folder. update: write them instead of comparing."""

    folder: Path
    update: bool

    def hold(self, name: str, texts: Mapping[str, str]) -> None:
        """Compare every file of the folder `name` with these texts by file name.

        Raises AssertionError with a unified diff of all that differs.
        """
        if self.update:
            self._write(self.folder / name, texts)
        expected = _texts(self.folder / name)
        differences = [
            line
            for file in sorted({*expected, *texts})
            for line in _difference(f"{name}/{file}", expected.get(file), texts.get(file))
        ]
        assert not differences, "\n".join(["", *differences, "", _AGAIN])

    def _write(self, folder: Path, texts: Mapping[str, str]) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        for name, text in texts.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")


def _texts(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in files}


def _difference(name: str, expected: str | None, now: str | None) -> Iterator[str]:
    if expected is None:
        yield f"{name}: is new, there is no such golden file"
    elif now is None:
        yield f"{name}: is no longer made"
    else:
        yield from difflib.unified_diff(
            expected.split("\n"),
            now.split("\n"),
            f"expected/{name}",
            f"now/{name}",
            n=6,
            lineterm="",
        )
