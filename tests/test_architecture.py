"""Who may know whom (docs/architecture.md), read from the imports of every module.

    cli, web → service → pki, bundle, store, tabular, profiles, settings → model → errors

The command line may also read: what `list` and `show` answer are the store's own queries, and a
service that only passed them on would be a layer without a job. Whatever changes something goes
through a service.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import renrakucho_ca

PACKAGE = Path(renrakucho_ca.__file__).parent
NAME = PACKAGE.name
MODULES = sorted(PACKAGE.rglob("*.py"))

GROUND = {
    "model",
    "certificate_profile",
    "text",
    "errors",
    "clock",
    "background",
    "batched",
    "token_uri",
    "",
}
"""What every room may know; "" is the package itself: its version."""

ROOMS = {"pki", "bundle", "store", "tabular", "profiles", "settings"}

MAY_KNOW: dict[str, set[str]] = {
    "errors": set(),
    "clock": {"errors"},
    "text": {"errors"},
    "model": {"errors", "text"},
    "certificate_profile": {"model"},
    "background": set(),
    "batched": set(),
    "token_uri": {"errors"},
    "yamlfile": {"errors"},
    "pki": GROUND,
    "bundle": GROUND,
    "store": GROUND,
    "tabular": GROUND,
    "profiles": {*GROUND, "yamlfile"},
    "settings": {*GROUND, "yamlfile"},
    "locale": {"errors", "model"},
    "console": {*GROUND, "locale"},
    "service": {*GROUND, *ROOMS, "locale"},
    "cli": {*GROUND, "service", "web", "console", "locale", "store", "profiles"},
    "web": {*GROUND, "service", "settings", "locale"},
    "": set(),
}

# Libraries that stand behind one door each.
ONLY_IN = {
    "click": {"cli"},
    "rich": {"console"},
    "starlette": {"web"},
    "uvicorn": {"web"},
    "jinja2": {"web/pages.py", "service/mail/rendering.py"},
    "segno": {"service/mail/handover_sheets.py"},
    "smtplib": {"service/mail/deliver.py", "service/mail/smtp.py"},
    "sqlite3": {"store"},
    "sqlite_utils": {"store"},
    "yaml": {"yamlfile"},
    "msgspec": {"yamlfile", "profiles", "settings"},
    "pkcs11": {"pki/token.py", "pki/token_login.py"},
    "cryptography": {"pki", "bundle", "store/keystore"},
}

READERS_OF_THE_CLOCK = {"clock.py"}


def inside(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def folder(path: Path) -> str:
    return path.relative_to(PACKAGE).parent.as_posix()


def room(path: Path) -> str:
    """`store/files.py` is in the room `store`, `model.py` is one of its own."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> Iterator[str]:
    """Full names of what a module imports, also for typing alone and inside functions."""
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{inside(path)}:{node.lineno}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_known_by(path: Path) -> set[str]:
    own = [name.split(".") for name in imports(path) if name.split(".")[0] == NAME]
    return {
        parts[1] if len(parts) > 1 and not parts[1].startswith("__") else "" for parts in own
    } - {room(path)}


def test_every_room_has_its_place_in_the_plan() -> None:
    assert {room(path) for path in MODULES} <= set(MAY_KNOW)


@pytest.mark.parametrize("path", MODULES, ids=inside)
def test_a_module_imports_only_from_allowed_packages(path: Path) -> None:
    assert rooms_known_by(path) <= MAY_KNOW[room(path)]


@pytest.mark.parametrize("path", MODULES, ids=inside)
def test_a_library_is_imported_in_its_own_package_alone(path: Path) -> None:
    libraries = {name.split(".")[0] for name in imports(path)}
    assert [
        library
        for library, owners in ONLY_IN.items()
        if library in libraries and not {room(path), folder(path), inside(path)} & owners
    ] == []


@pytest.mark.parametrize("path", MODULES, ids=inside)
def test_only_the_clock_reads_the_time(path: Path) -> None:
    reading = {
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    } & {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time"}
    assert not reading or inside(path) in READERS_OF_THE_CLOCK


LINTER = [path for path in MODULES if inside(path).startswith("pki/lint/")]


@pytest.mark.parametrize("path", LINTER, ids=inside)
def test_the_linter_shares_nothing_with_the_builder(path: Path) -> None:
    """A mistake there would excuse itself here."""
    builder = {f"{NAME}.pki.{name}" for name in ("builder", "extensions", "names")}
    assert not {name for name in imports(path) if name.startswith(tuple(builder))}


EDGES = [path for path in MODULES if room(path) in {"cli", "web"}]


@pytest.mark.parametrize("path", EDGES, ids=inside)
def test_an_edge_reads_records_and_changes_nothing_by_itself(path: Path) -> None:
    """No transaction is begun there, and neither keys nor files are touched."""
    begun = [
        ast.unparse(item.context_expr)
        for item in ast.walk(parse(path))
        if isinstance(item, ast.withitem) and ".write(" in ast.unparse(item.context_expr)
    ]
    assert begun == []
    behind_services = {
        f"{NAME}.store.{name}" for name in ("keystore", "tables.pending_issuance", "files")
    }
    assert not behind_services & set(imports(path))


@pytest.mark.parametrize("path", MODULES, ids=inside)
def test_every_module_docstring_begins_with_its_purpose(path: Path) -> None:
    docstring = ast.get_docstring(parse(path))
    assert docstring
    assert docstring.splitlines()[0].strip()
