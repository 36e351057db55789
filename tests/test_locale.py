"""The catalogue: everything that a person can read is there in Japanese, and nothing else."""

from __future__ import annotations

import ast
import errno
import os
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from string import Formatter

import click
import jinja2
import jinja2.nodes
import pytest

import renrakucho_ca
from renrakucho_ca.cli.help import Command, Group
from renrakucho_ca.cli.profile import Kind
from renrakucho_ca.cli.root import root
from renrakucho_ca.errors import Attention, Invalid, NotFound, RcaError
from renrakucho_ca.locale import Catalogue, Language
from renrakucho_ca.locale.ja import MESSAGES
from renrakucho_ca.model import Act, Container, Severity, Status, SubjectAttribute, Tier
from renrakucho_ca.service import doctor, instructions
from renrakucho_ca.store.outbox import MailState

PACKAGE = Path(renrakucho_ca.__file__).parent

KINDS: tuple[type, ...] = (RcaError, *RcaError.__subclasses__(), click.UsageError)
ERRORS = {kind.__name__ for kind in KINDS}
SAYERS = {"talk", "detail", "say", "confirm", "progress", "_say"}
"""What says its first literal argument to a person."""

TABLES = {"_UNAVAILABLE", "Instructions", "_RESTART"}
"""Tables of messages and steps: every text in them is said."""

WORDS: tuple[type[StrEnum], ...] = (Status, Tier, Kind, SubjectAttribute, MailState, Act, Severity)
"""Words of ours that have a Japanese one; key algorithms and reasons are called as standards do."""

SETTINGS = ("network", "organization")
"""Settings that a message calls by name: `init` takes them as options."""

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
"""What the operating system is likely to answer about a file."""


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path, ast.parse(path.read_text(), str(path))


def name_of(called: ast.expr) -> str:
    if isinstance(called, ast.Attribute):
        return called.attr
    return called.id if isinstance(called, ast.Name) else ""


def literals(expression: ast.expr) -> list[str] | None:
    """The texts that an expression can be: one, or either of two; None where it is not literal."""
    match expression:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.Constant(value=None) | ast.Attribute(attr="hint"):  # that of another error
            return []
        case ast.Name(id=name) if name in ("message", "hint"):  # of a table, see TABLES
            return []
        case ast.IfExp(body=one, orelse=other):
            both = literals(one), literals(other)
            return None if None in both else [text for texts in both for text in texts or []]
        case _:
            return None


def said() -> Iterator[str]:
    """Templates of errors with their hints, talk, questions."""
    for _, tree in trees():
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


def texts_in(table: ast.expr) -> Iterator[str]:
    """All texts of a table, without the keys of a dictionary."""
    skipped = table.keys if isinstance(table, ast.Dict) else []
    for part in ast.walk(table):
        if part not in skipped:
            yield from literals(part) or [] if isinstance(part, ast.expr) else []


def said_in_templates() -> Iterator[str]:
    for path in sorted(PACKAGE.rglob("templates/*")):
        for _, text in re.findall(r"""\bsay\(\s*(["'])(.+?)\1""", path.read_text()):
            yield text


def help_pages(command: click.Command, ctx: click.Context) -> Iterator[str]:
    """Everything that stands on a command's page, and on those below it."""
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


def titles() -> Iterator[str]:
    """Column titles: keys of rows, wherever the command line makes or lists some."""
    for path, tree in trees():
        if path.parent.name != "cli":
            continue
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
                            yield from keys(part)
                case ast.Subscript(
                    value=ast.Name(), ctx=ast.Store(), slice=ast.Constant(value=str(key))
                ):
                    yield key
                case ast.Call(func=ast.Attribute(attr="one"), args=[ast.Dict() as row, *_]):
                    yield from keys(row)


def keys(row: ast.Dict) -> Iterator[str]:
    for key in row.keys:
        if isinstance(key, ast.Constant):
            yield str(key.value)


def strings(value: ast.expr) -> Iterator[str]:
    if isinstance(value, ast.Dict):
        yield from keys(value)
    elif isinstance(value, ast.BinOp):
        yield from strings(value.left)
        yield from strings(value.right)
    elif isinstance(value, ast.Tuple):
        for each in value.elts:
            if isinstance(each, ast.Constant):
                yield str(each.value)


def on_pages() -> Iterator[str]:
    """What the portal's templates say, and the steps on people's devices."""
    for path in sorted(PACKAGE.rglob("templates/*.html")):
        tree = jinja2.Environment().parse(path.read_text())
        for call in tree.find_all(jinja2.nodes.Call):
            if isinstance(call.node, jinja2.nodes.Name) and call.node.name == "say":
                yield from (
                    text.value for text in call.args[:1] if isinstance(text, jinja2.nodes.Const)
                )
    for steps in (
        *(instructions.for_device("another", container) for container in Container),
        *(instructions.for_device(device, Container.P12) for device in instructions.TITLES),
    ):
        yield from (*steps.install, *steps.delete)


def everything() -> set[str]:
    # With its own settings: Click keeps the help option that it makes for the first.
    ctx = click.Context(root, info_name="rca", **root.context_settings)
    return {
        *said(),
        *said_in_templates(),
        *on_pages(),
        *help_pages(root, ctx),
        *(key.replace("_", " ") for key in titles()),
        *(f"{words.__name__}.{word.value}" for words in WORDS for word in words),
        *SETTINGS,
        *doctor.CHECKS,
        doctor.PASSPHRASE,
        *map(os.strerror, SYSTEM),
    } - {""}


def test_everything_that_a_person_reads_has_its_japanese() -> None:
    missing = sorted(everything() - MESSAGES.keys())
    assert not missing, "add to renrakucho_ca/locale/ja.py:\n" + "\n".join(
        f"    {text!r}: ''," for text in missing
    )


def test_the_catalogue_has_nothing_that_nobody_says() -> None:
    left_over = sorted(MESSAGES.keys() - everything())
    assert not left_over, "take out of renrakucho_ca/locale/ja.py:\n" + "\n".join(left_over)


@pytest.mark.parametrize("english", MESSAGES)
def test_both_languages_name_the_same_values(english: str) -> None:
    def placeholders(template: str) -> set[str]:
        return {name for _, name, _, _ in Formatter().parse(template) if name is not None}

    assert placeholders(MESSAGES[english]) == placeholders(english)
    assert MESSAGES[english].strip(), english


def test_an_errors_template_is_literal_so_that_it_can_be_found() -> None:
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and name_of(node.func) in ERRORS and node.args:
                where = f"{path.relative_to(PACKAGE)}:{node.lineno}"
                assert literals(node.args[0]) is not None, where
                for keyword in node.keywords:
                    if keyword.arg == "hint":
                        assert literals(keyword.value) is not None, where


def test_english_messages_begin_small_and_have_no_full_stop() -> None:
    for _, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and name_of(node.func) in ERRORS and node.args:
                for text in literals(node.args[0]) or []:
                    assert not text.endswith("."), text
                    assert text[0] in "{`-" or text[0].islower() or text.split()[0].isupper(), text


JAPANESE = Catalogue(Language.JAPANESE)
ENGLISH = Catalogue(Language.ENGLISH)


def test_the_states_are_called_as_the_service_calls_them() -> None:
    assert [JAPANESE.word(status) for status in Status] == [
        "発行済み",
        "ダウンロード済み",
        "失効済",
        "一時停止",
        "期限切れ",
    ]


def test_what_a_person_wrote_is_never_translated() -> None:
    error = NotFound("there is no hierarchy {name}", name="revoked")
    assert "revoked" in JAPANESE.message(error)
    assert "失効済" not in JAPANESE.message(error)


def test_an_error_inside_another_speaks_the_same_language() -> None:
    inner = Invalid("{what} is empty", what="note")
    outer = Invalid(
        "{file}:{line}: {key}: {problem}", file="rca.yaml", line=3, key="network", problem=inner
    )
    assert JAPANESE.message(outer) == "rca.yaml:3: network: 備考が空です"
    assert ENGLISH.message(outer) == "rca.yaml:3: network: note is empty"


def test_a_brace_in_a_value_stays_a_brace() -> None:
    error = Attention("{problem}", problem="{user} {0}")
    assert JAPANESE.message(error) == "{user} {0}"
