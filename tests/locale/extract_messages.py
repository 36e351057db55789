"""Extract every text that a person can read, as the template of the gettext catalogues.

Most messages are literals in the source: Babel walks the package and calls `from_python`,
`from_commands` and Jinja's own method. The others exist only in the running program: help pages,
words of our enums, steps per device, texts of the operating system.
"""

from __future__ import annotations

import ast
import errno
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from typing import IO

import click
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir

import renrakucho_ca
from renrakucho_ca.certificate_profile import SubjectAttribute
from renrakucho_ca.cli.help import Command, Group
from renrakucho_ca.cli.profile import ProfileKind
from renrakucho_ca.cli.root import root
from renrakucho_ca.errors import RcaError
from renrakucho_ca.model import Act, Container, Status, Tier
from renrakucho_ca.service import doctor
from renrakucho_ca.service.ca_import.session import ImportSummary
from renrakucho_ca.service.doctor.finding import Severity
from renrakucho_ca.service.retrieval import instructions
from renrakucho_ca.store.tables.outbox import MailState

PACKAGE = Path(renrakucho_ca.__file__).parent

KINDS: tuple[type, ...] = (RcaError, *RcaError.__subclasses__(), click.UsageError)
ERRORS = {kind.__name__ for kind in KINDS}

SAYERS = {"talk", "detail", "say", "confirm", "progress", "_say", "new_problem", "new_warning"}
"""Functions that print their first literal argument for a person."""

TABLES = {"_UNAVAILABLE", "Instructions", "_RESTART", "_PUBLISH", "_EXAMPLE_URI"}
"""Tables of messages and steps: every text in them is a message."""

WORDS: tuple[type[StrEnum], ...] = (
    Status,
    Tier,
    ProfileKind,
    SubjectAttribute,
    MailState,
    Act,
    Severity,
)
"""Enums with a Japanese word for each value; key algorithms and reasons keep their standard names.
The name of the enum is the message's context."""

SETTINGS = ("network", "organization")
"""Settings that a message names: `init` takes them as options."""

SYSTEM = (
    errno.EACCES,
    errno.EPERM,
    errno.EBADF,
    errno.EEXIST,
    errno.EIO,
    errno.EISDIR,
    errno.ELOOP,
    errno.EMFILE,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.EROFS,
)
"""Likely answers of the operating system about a file."""

METHODS = (
    ("cli/**.py", "tests.locale.extract_messages:from_commands"),
    ("**.py", "tests.locale.extract_messages:from_python"),
    ("**/templates/**", "jinja2.ext:babel_extract"),
)

Extracted = Iterator[tuple[int, None, str, list[str]]]
"""What Babel asks of a method: line, function, message, comments."""


def template() -> Catalog:
    """The catalogue of all messages, without translations."""
    catalog = Catalog()
    for _, _, text, _, context in extract_from_dir(
        PACKAGE,
        METHODS,
        options_map={"**/templates/**": {"silent": "false"}},
        keywords={"say": None},
    ):
        catalog.add(text, context=context)
    for text in from_program():
        catalog.add(text)
    for words in WORDS:
        for word in words:
            catalog.add(word.value, context=words.__name__)
    return catalog


def from_python(
    file: IO[bytes], keywords: Collection[str], tags: Collection[str], options: Mapping[str, str]
) -> Extracted:
    """Babel's method for the package's modules."""
    yield from _found(said(ast.parse(file.read())))


def from_commands(
    file: IO[bytes], keywords: Collection[str], tags: Collection[str], options: Mapping[str, str]
) -> Extracted:
    """Babel's method for the command line, whose rows have titles too."""
    tree = ast.parse(file.read())
    yield from _found(said(tree))
    yield from _found((node, title.replace("_", " ")) for node, title in titles(tree))


def _found(messages: Iterator[tuple[ast.expr, str]]) -> Extracted:
    for node, text in messages:
        if text:
            yield node.lineno, None, text, []


def name_of(called: ast.expr) -> str:
    if isinstance(called, ast.Attribute):
        return called.attr
    return called.id if isinstance(called, ast.Name) else ""


def literals(expression: ast.expr) -> list[tuple[ast.expr, str]] | None:
    """The texts that an expression can be: one, or either of two; None where it is not literal."""
    match expression:
        case ast.Constant(value=str(text)):
            return [(expression, text)]
        case ast.Constant(value=None) | ast.Attribute(attr="hint"):  # the hint of another error
            return []
        case ast.Name(id=name) if name in {"message", "hint"} | TABLES:  # from a table
            return []
        case ast.IfExp(body=one, orelse=other):
            both = literals(one), literals(other)
            return None if None in both else [text for texts in both for text in texts or []]
        case _:
            return None


def said(tree: ast.Module) -> Iterator[tuple[ast.expr, str]]:
    """Templates of errors with their hints, progress messages, questions, tables."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=func, args=args, keywords=keywords):
                if name_of(func) in ERRORS | SAYERS:
                    for text in args:
                        yield from literals(text) or []
                for keyword in keywords:
                    if keyword.arg in ("hint", "what"):
                        yield from literals(keyword.value) or []
                if name_of(func) in TABLES:
                    yield from texts_in(node)
            case ast.Assign(targets=[ast.Attribute(attr="hint")], value=value):
                yield from literals(value) or []
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.expr() as value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ) if name in TABLES:
                yield from texts_in(value)


def texts_in(table: ast.expr) -> Iterator[tuple[ast.expr, str]]:
    """All texts of a table, without the keys of a dictionary."""
    skipped = table.keys if isinstance(table, ast.Dict) else []
    for part in ast.walk(table):
        if part not in skipped:
            yield from literals(part) or [] if isinstance(part, ast.expr) else []


def titles(tree: ast.Module) -> Iterator[tuple[ast.expr, str]]:
    """Column titles: keys of rows, wherever the command line builds or lists them."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if re.search(
                "FIELDS|COLUMNS|PEOPLE", name
            ):
                yield from strings(value)
            case ast.keyword(arg="fields" | "columns" | "extra", value=value):
                yield from strings(value)
            case ast.AnnAssign(annotation=ast.Name(id="Row"), value=ast.expr() as value):
                yield from strings(value)
            case ast.FunctionDef(returns=ast.Name(id="Row")):
                for part in ast.walk(node):
                    if isinstance(part, ast.Dict):
                        yield from strings(part)
            case ast.Subscript(
                value=ast.Name(), ctx=ast.Store(), slice=ast.Constant(value=str(key)) as title
            ):
                yield title, key
            case ast.Call(func=ast.Attribute(attr="one"), args=[ast.Dict() as row, *_]):
                yield from strings(row)


def strings(value: ast.expr) -> Iterator[tuple[ast.expr, str]]:
    """The texts of a tuple, or the keys of a dictionary."""
    match value:
        case ast.BinOp(left=left, right=right):
            yield from strings(left)
            yield from strings(right)
        case ast.Dict(keys=parts) | ast.Tuple(elts=parts):
            for part in parts:
                if isinstance(part, ast.Constant):
                    yield part, str(part.value)
                elif isinstance(part, ast.Starred):
                    yield from strings(part.value)


def from_program() -> Iterator[str]:
    """Texts that only the running program knows."""
    # With its own settings: Click keeps the help option that it makes for the first.
    yield from filter(None, help_pages(root, click.Context(root, **root.context_settings)))
    for steps in (
        *(instructions.for_device("another", container) for container in Container),
        *(instructions.for_device(device, Container.P12) for device in instructions.TITLES),
    ):
        yield from (*steps.install, *steps.delete)
    yield from (field.name.replace("_", " ") for field in fields(ImportSummary))
    yield from (*SETTINGS, *doctor.CHECKS, doctor.PASSPHRASE, *map(os.strerror, SYSTEM))


def help_pages(command: click.Command, ctx: click.Context) -> Iterator[str]:
    """All texts on a command's help page, and on the pages below it."""
    yield from command.collect_usage_pieces(ctx)[:1]
    if command.help:
        yield " ".join(command.help.split())
    yield from (
        option.help
        for option in command.get_params(ctx)
        if isinstance(option, click.Option) and option.help
    )
    if isinstance(command, Group):
        yield command.subcommand_metavar or ""
        for title, section in command.sections.items():
            yield title
            yield from (line for _, line in section.values())
        for name in command.list_commands(ctx):
            below = command.get_command(ctx, name)
            assert isinstance(below, Command), name
            yield from help_pages(below, click.Context(below, info_name=name, parent=ctx))
