"""What keeps the package readable: imports on top, files of one size, values with types."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import meeting_pipeline

PACKAGE = Path(meeting_pipeline.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
MOST_LATE_IMPORTS = 40
MOST_LINES = 400


@cache
def tree(module: Path) -> ast.Module:
    return ast.parse(module.read_text("utf-8"))


def late_imports(module: ast.Module) -> Iterator[str]:
    """Yield every import inside a function, with its line."""
    for function in ast.walk(module):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for statement in ast.walk(function):
                if isinstance(statement, ast.Import | ast.ImportFrom):
                    yield f"{statement.lineno}: {ast.unparse(statement)}"


def test_only_what_is_heavy_is_imported_inside_functions() -> None:
    late = [
        f"{module.relative_to(PACKAGE)}:{one}"
        for module in MODULES
        for one in sorted(set(late_imports(tree(module))))
    ]
    assert len(late) <= MOST_LATE_IMPORTS, "\n".join(late)


def test_an_import_inside_a_function_is_found() -> None:
    text = "import os\n\nasync def act():\n    if True:\n        import numpy as np\n"
    assert list(late_imports(ast.parse(text))) == ["5: import numpy as np"]


def test_no_file_is_too_long_to_read() -> None:
    lines = {module: len(module.read_text("utf-8").splitlines()) for module in MODULES}
    assert {module: count for module, count in lines.items() if count > MOST_LINES} == {}


def test_untyped_documents_are_made_where_json_is_written_and_nowhere_else() -> None:
    found = {
        str(module.relative_to(PACKAGE))
        for module in MODULES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Subscript) and ast.unparse(node) == "dict[str, Any]"
    }
    assert found == {"reporting/documents.py", "sandbox/wire.py"}
