"""Check that code, messages and documents use the vocabulary of docs/architecture.md.

Identifiers are read from the syntax trees of the package, the tests and the benchmarks; messages
from the template of the gettext catalogues; documents from README.md and docs/.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

CHECKOUT = Path(__file__).parents[1]
PACKAGE = CHECKOUT / "renrakucho_ca"
LAYERS = {path.name for path in PACKAGE.iterdir() if path.is_dir()}

MOST_EXEMPTIONS = 30

WORDS = {
    "intents?": "pending issuance, orphaned issuance",
    "left overs?|leftovers?": "orphaned",
    "workshop|making": "certificate maker",
    "parcels?|portions?|stretch|stretches|stretching|stretched": "batch, chunk, key derivation",
    "throwaway|stand in|anew": "lint key, re-sign",
    "takeover|take over|takes over|taken over|taking over|took over": "import",
    "ledger": "staging",
    "foreign": "external, unsupported",
    "bridges?|bridged|bridgehead": "cross-certificate, subject CA",
    "ahead|answering": "pre-produced, response file, responder",
    "prove|proves|proved|proven|proving|proof|unproven": "verify, verifier, authentication",
    "catch up|catches up|catching up|caught up|unheard": "reconcile, newer records",
    "learn|learns|learned|learnt|learning|witness|witnesses|witnessed": "restore, replay",
    "guess|guesses|guessed|guessing|alarms?": "attempt, rate limit, lockout",
    "hand out|hands out|handed out|handing out|handouts?": "claim, export, deliver",
    "signing time": "clock guard",
    "doors?": "server block, TLS client authentication",
    "besides?": "background task, next to",
    "standings?": "recorded status, journal state",
    "tell|tells|teller|telling|told|foretells?": "report, print, notify",
    "nobody|nobodys|somebody|anybody|everybody|whoever": "no one, a caller, the operator, the user",
    "strangers?": "unlisted certificate, unknown serial number",
}
"""Word sequences that no identifier has (as a whole or in part), and what to write instead."""

MODULE_NAMES = {"lines", "reading", "forms", "people"}
"""Base names of modules that the vocabulary replaced."""

PHRASES = {
    r"\btak(?:e|es|ing|en)[ -]over\b|\btook over\b|\btakeover\b": "import",
    r"\bleft[ -]over\b": "orphaned",
    r"\bintents?\b": "pending issuance",
    r"\bworkshop\b|\bparcels?\b|\bportions?\b": "batch",
    r"\bthrowaway\b|\bstand-in\b": "lint key",
    r"\banew\b": "re-sign, again",
    r"\bledger\b": "staging",
    r"\bforeign root": "external root",
    r"\bbridges?\b|\bbridgehead\b": "cross-certificate",
    r"\bsign(?:s|ed)? ahead\b|\bsigned in advance\b": "pre-produced response",
    r"\bprov(?:e|es|ed|en|ing)\b|\bproof\b(?! of possession)": "verify",
    r"\bcatch(?:es|ing)? up\b|\bcaught up\b|\bunheard\b|\bwitness": "reconcile",
    r"\bguess(?:es|ed|ing)?\b|\balarms?\b": "attempt, lockout",
    r"\bhand(?:s|ed|ing)?[ -]out\b|\bhandouts?\b": "claim, export, deliver",
    r"\bsigning time\b": "clock guard",
    r"\bdoors?\b": "server block",
    r"\bbesides?\b": "next to, also, except",
    r"\btells?\b|\btold\b": "report, print",
    r"\bnobody\b|\bsomebody\b|\banybody\b|\beverybody\b": "name the actor",
    r"\bwhoever\b|\bwhatever\b": "write the noun",
    r"(?:^|[.;:] |\n)(?:who|what) (?![^.]*\?)": "write the noun (no headless relative clause)",
}
"""Phrases of messages and documents, case-insensitive, and what to write instead."""

RELATIVE = "who|whom|whose|whatever|whichever"
"""Words of clauses: only the name of a test, which is a sentence, may have one."""

BETTER = {**WORDS, RELATIVE: "the noun"}

HEADLESS = re.compile(r"test_(?:\d+_)?(?:of_)?(?:what|who|whom|whose|whoever|whatever)_")

EXEMPT: dict[tuple[str, ...], str] = {
    ("identifier", "sign_ahead"): "a setting of released rca.yaml files",
    ("identifier", "AHEAD"): "JournalState: the journal is ahead of the database, as in git",
    ("identifier", "test_no_item_is_taken_ahead_of_its_batch"): "an ordinary use",
}
"""Kind and name, or kind, file and phrase, of what may stay, with the reason."""


@cache
def trees() -> dict[Path, ast.Module]:
    folders = (PACKAGE, CHECKOUT / "tests", CHECKOUT / "benchmarks")
    paths = (path for folder in folders for path in sorted(folder.rglob("*.py")))
    return {path.relative_to(CHECKOUT): ast.parse(path.read_text()) for path in paths}


def test_no_identifier_uses_a_replaced_word() -> None:
    replaced = re.compile(rf"\b(?:{'|'.join(WORDS)})\b")
    relative = re.compile(rf"\b(?:{'|'.join([*WORDS, RELATIVE])})\b")
    wrong = []
    for path, tree in trees().items():
        for line, name in {*identifiers(tree), *((0, part) for part in module_names(path))}:
            pattern = replaced if name.startswith("test_") else relative
            found = pattern.search(words(name))
            if found and ("identifier", name) not in EXEMPT:
                wrong.append(f"{path}:{line}: {name}: write {instead(found[0], BETTER)}")
    assert not wrong, report(wrong)


def test_no_module_has_a_replaced_name() -> None:
    wrong = [
        str(path) for path in trees() if path.parts[0] == PACKAGE.name and path.stem in MODULE_NAMES
    ]
    assert not wrong, report(wrong)


def test_test_names_have_no_headless_clause() -> None:
    wrong = [
        f"{path}:{line}: {name}"
        for path, tree in trees().items()
        for line, name in identifiers(tree)
        if HEADLESS.match(name)
    ]
    assert not wrong, report(wrong)


def test_no_message_uses_a_replaced_phrase() -> None:
    (catalogue,) = PACKAGE.glob("locale/ja/**/*.po")
    with catalogue.open("rb") as file:
        messages = [each.id for each in read_po(file) if isinstance(each.id, str) and each.id]
    wrong = [
        f"rca.po: {message!r}: {phrase!r}: write {better}"
        for message in messages
        for phrase, better in replaced_phrases(message)
        if ("message", phrase) not in EXEMPT
    ]
    assert not wrong, report(wrong)


def test_no_document_uses_a_replaced_phrase() -> None:
    wrong = [
        f"{path.relative_to(CHECKOUT)}:{line}: {phrase!r}: write {better}"
        for path in (CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md")))
        for line, text in paragraphs(path.read_text())
        for phrase, better in replaced_phrases(text)
        if ("document", path.name, phrase) not in EXEMPT
    ]
    assert not wrong, report(wrong)


def test_a_class_name_is_defined_in_one_module() -> None:
    modules: dict[str, set[str]] = defaultdict(set)
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                modules[node.name].add(str(path))
    wrong = [
        f"{name}: {', '.join(sorted(paths))}"
        for name, paths in sorted(modules.items())
        if len(paths) > 1 and ("class", name) not in EXEMPT
    ]
    assert not wrong, report(wrong)


def test_a_module_name_occurs_once_in_a_layer() -> None:
    places: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in PACKAGE.rglob("*.py"):
        layer, *_ = path.relative_to(PACKAGE).parts
        if path.name != "__init__.py":
            places[layer, path.stem].append(str(path.relative_to(PACKAGE)))
    wrong = [
        f"{layer}: {', '.join(sorted(paths))}"
        for (layer, _), paths in sorted(places.items())
        if len(paths) > 1
    ]
    assert not wrong, report(wrong)


def test_no_import_renames_a_module_after_its_layer() -> None:
    """An example: `from renrakucho_ca.pki import certificates as pki_certificates`."""
    wrong = []
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith(
                PACKAGE.name
            ):
                continue
            for alias in node.names:
                own = alias.asname or alias.name
                layer, _, rest = own.partition("_")
                if own != alias.name and rest and layer in LAYERS:
                    wrong.append(f"{path}:{node.lineno}: {alias.name} as {own}")
    assert not wrong, report(wrong)


def test_exemptions_are_few_and_used(capsys: pytest.CaptureFixture[str]) -> None:
    names = {name for tree in trees().values() for _, name in identifiers(tree)}
    unused = [key for key in EXEMPT if key[0] == "identifier" and key[1] not in names]
    assert not unused, report(map(str, unused))
    assert len(EXEMPT) <= MOST_EXEMPTIONS
    with capsys.disabled():
        print()
        for key, reason in EXEMPT.items():
            print(f"vocabulary: exempt: {' '.join(key)}: {reason}")


def identifiers(tree: ast.Module) -> set[tuple[int, str]]:
    """Return line and name of each definition, argument, assignment and import alias."""
    found: set[tuple[int, str]] = set()
    for node in ast.walk(tree):
        match node:
            case (
                ast.ClassDef(name=name)
                | ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
            ):
                found.add((node.lineno, name))
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                found.add((node.lineno, name))
            case ast.Attribute(attr=name, ctx=ast.Store()):
                found.add((node.lineno, name))
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                found |= {(node.lineno, alias.asname) for alias in aliases if alias.asname}
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                found.add((node.lineno, name))
            case _:
                pass
    return found


def module_names(path: Path) -> Iterator[str]:
    yield from path.with_suffix("").parts


def words(name: str) -> str:
    """Split `put_pending` and `PendingIssuance` into lower-case words separated by blanks."""
    parts = re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+", name)
    return " ".join(parts).lower()


def paragraphs(text: str) -> Iterator[tuple[int, str]]:
    """Yield line number and text of each line outside fenced code, without inline code."""
    in_code = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            in_code = not in_code
        elif not in_code:
            yield number, re.sub(r"`[^`]*`", "``", line)


def replaced_phrases(text: str) -> Iterator[tuple[str, str]]:
    for pattern, better in PHRASES.items():
        for found in re.finditer(pattern, text, re.IGNORECASE):
            yield found[0].strip().lower(), better


def instead(found: str, table: dict[str, str]) -> str:
    return next(better for pattern, better in table.items() if re.fullmatch(pattern, found))


def report(lines: Iterable[str]) -> str:
    return "\n" + "\n".join(sorted(lines))
