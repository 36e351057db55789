"""The allowed imports (docs/architecture.md), read from the source of every module.

    cli, web → service → pki, bundle, store, tabular, profiles, settings → model → errors

The command line may also read the store: a service that only passed the queries of `list` and
`show` on would be a layer without a job. Every change goes through a service.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

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
"""Every room may import these; "" is the package itself: its version."""

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

# Each library is wrapped in one place.
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

SERVICE_ORDER = (
    *("quickstart", "doctor", "recovery", "publication", "ca_import", "migration", "hierarchy"),
    *(
        "issuance",
        "mail",
        "revocation",
        "retrieval",
        "ocsp",
        "ca",
        "store_state",
        "user_records",
        "pending",
        "audit",
    ),
    *("home", "actor", "outcome", "process_pool"),
)
"""The parts of `service`, from top to bottom: each imports only from parts below it."""

LOWEST_SERVICES = SERVICE_ORDER[-4:]
"""These are on one level, and may import each other."""


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


def imports(path: Path, *, with_typing: bool = True) -> Iterator[str]:
    """Yield the full names that a module imports, inside functions too.

    Args:
        with_typing: include the imports under `if TYPE_CHECKING`, which never run.
    """
    typing_alone = {
        id(node)
        for condition in ast.walk(parse(path))
        if isinstance(condition, ast.If) and ast.unparse(condition.test) == "TYPE_CHECKING"
        for node in ast.walk(condition)
    }
    for node in ast.walk(parse(path)):
        if not with_typing and id(node) in typing_alone:
            continue
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


def part_of_service(name: str) -> str:
    """Return `ocsp` for `renrakucho_ca.service.ocsp.signer`, and "" outside `service`."""
    parts = name.split(".")
    return parts[2] if parts[:2] == [NAME, "service"] and len(parts) > 2 else ""


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_every_room_has_its_place_in_the_plan() -> None:
    assert {room(path) for path in MODULES} <= set(MAY_KNOW)


def test_a_module_imports_only_from_allowed_packages() -> None:
    forbidden = {
        inside(path): known
        for path in MODULES
        if (known := rooms_known_by(path) - MAY_KNOW.get(room(path), set()))
    }
    assert forbidden == {}


def test_a_service_imports_only_from_parts_below_it() -> None:
    rank = {name: place for place, name in enumerate(SERVICE_ORDER)}
    upward = []
    for path in MODULES:
        own = part_of_service(module_name(path))
        for name in imports(path) if own else ():
            other = part_of_service(name)
            is_level = {own, other} <= set(LOWEST_SERVICES) or own == other
            if other and not is_level and rank[other] <= rank[own]:
                upward.append(f"{inside(path)} imports {name}")
    assert upward == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports inside functions count, those for typing alone do not."""
    names = {module_name(path) for path in MODULES}
    graph: dict[str, set[str]] = {}
    for path in MODULES:
        found = {
            name if name in names else name.rpartition(".")[0]
            for name in imports(path, with_typing=False)
            if name.split(".")[0] == NAME
        }
        graph[module_name(path)] = found - {module_name(path)}
    cycles = []
    while True:
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            cycle = error.args[1]
            cycles.append(" is imported by ".join(cycle))
            graph[cycle[1]].discard(cycle[0])
        else:
            break
    assert cycles == []


def test_a_library_is_imported_in_its_own_package_alone() -> None:
    assert [
        f"{inside(path)} imports {library}"
        for path in MODULES
        for library in {name.split(".")[0] for name in imports(path)} & set(ONLY_IN)
        if not {room(path), folder(path), inside(path)} & ONLY_IN[library]
    ] == []


def test_only_the_clock_reads_the_time() -> None:
    reading = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time"}
    assert [
        f"{inside(path)}:{node.lineno}: {ast.unparse(node)}"
        for path in MODULES
        if inside(path) not in READERS_OF_THE_CLOCK
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in reading
    ] == []


def test_the_linter_shares_nothing_with_the_builder() -> None:
    """A mistake there would excuse itself here."""
    builder = tuple(f"{NAME}.pki.{name}" for name in ("builder", "extensions", "names"))
    linter = [path for path in MODULES if inside(path).startswith("pki/lint/")]
    assert linter
    assert [
        f"{inside(path)} imports {name}"
        for path in linter
        for name in imports(path)
        if name.startswith(builder)
    ] == []


def test_an_edge_reads_records_and_changes_nothing_by_itself() -> None:
    """It begins no transaction, and touches neither keys nor files."""
    behind_services = {
        f"{NAME}.store.{name}" for name in ("keystore", "tables.pending_issuance", "files")
    }
    edges = [path for path in MODULES if room(path) in {"cli", "web"}]
    assert edges
    assert [
        f"{inside(path)} imports {name}"
        for path in edges
        for name in behind_services & set(imports(path))
    ] == []
    assert [
        f"{inside(path)}:{item.context_expr.lineno}: {ast.unparse(item.context_expr)}"
        for path in edges
        for item in ast.walk(parse(path))
        if isinstance(item, ast.withitem) and ".write(" in ast.unparse(item.context_expr)
    ] == []


def test_every_module_docstring_begins_with_its_purpose() -> None:
    assert [
        inside(path)
        for path in MODULES
        if not (ast.get_docstring(parse(path)) or "").partition("\n")[0].strip()
    ] == []
