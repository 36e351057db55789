"""docs/architecture.md names files and functions that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
PACKAGE = CHECKOUT / "renrakucho_ca"
TEXT = (CHECKOUT / "docs" / "architecture.md").read_text("utf-8")
CODE = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL))


def names() -> set[str]:
    """`module.name` and `Class.method` of the whole package."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        module = path.parent.name if path.stem == "__init__" else path.stem
        for node in ast.parse(path.read_text("utf-8")).body:
            found |= {f"{module}.{name}" for name in defined(node)}
            if isinstance(node, ast.ClassDef):
                found |= {f"{node.name}.{name}" for part in node.body for name in defined(part)}
    return found


def defined(node: ast.stmt) -> set[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
    return set()


def test_the_map_names_files_that_exist() -> None:
    paths = [each for each in CODE if re.fullmatch(r"(?:[a-z_]+/)+(?:[\w.]+)?", each)]
    assert len(paths) > 50
    roots = (PACKAGE, CHECKOUT)
    for path in paths:
        in_a_home = path.startswith(("ca-store", "public/"))
        assert in_a_home or any((root / path).exists() for root in roots), path


def test_the_map_names_functions_that_exist() -> None:
    known = names()
    modules = {path.stem for path in PACKAGE.rglob("*.py")} | {
        path.name for path in PACKAGE.iterdir()
    }
    functions = [
        each
        for each in CODE
        if re.fullmatch(r"[A-Za-z_]+\.[A-Za-z_]+", each)
        and not each.endswith((".py", ".md", ".yaml", ".json", ".key", ".po", ".mo"))
        and (each[0].isupper() or each.partition(".")[0] in modules)
    ]
    assert len(functions) > 40
    assert [each for each in functions if each not in known] == []


def test_the_map_is_short() -> None:
    assert len(TEXT.splitlines()) <= 280
