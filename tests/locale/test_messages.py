"""The catalogue: everything that a person can read is there in Japanese, and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo

from renrakucho_ca.errors import Attention, Invalid, NotFound
from renrakucho_ca.locale import Catalogue, Language
from renrakucho_ca.model import Status
from tests.locale.extract_messages import ERRORS, PACKAGE, literals, name_of, template
from tests.locale.update_messages import PO, read, update, write

CATALOGUE = PACKAGE.parent / PO
UPDATE = "run `python tests/locale/update_messages.py`"

Key = tuple[str | None, str]
"""Context and English text."""


def translations(catalog: Catalog) -> dict[Key, str]:
    return {(each.context, str(each.id)): str(each.string) for each in catalog if each.id}


def errors() -> Iterator[tuple[str, ast.Call]]:
    """Every error that the package raises, with its place."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and name_of(node.func) in ERRORS and node.args:
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", node


def entries(po: Path) -> list[str]:
    """The lines of the file without what depends on Babel's version: its header, its flags."""
    _, _, entries = po.read_text("utf-8").partition("\n\n")
    return [line for line in entries.splitlines() if not line.startswith("#")]


@pytest.fixture
def po(tmp_path: Path) -> Path:
    """A copy of the catalogue."""
    copy = tmp_path / "rca.po"
    copy.write_bytes(CATALOGUE.read_bytes())
    return copy


def test_the_catalogue_has_every_message_and_no_other() -> None:
    listed, extracted = translations(read(CATALOGUE)).keys(), translations(template()).keys()
    assert sorted(map(str, extracted - listed)) == [], f"not in rca.po: {UPDATE}"
    assert sorted(map(str, listed - extracted)) == [], f"no longer in the source: {UPDATE}"
    assert not read(CATALOGUE).obsolete, f"no longer in the source: {UPDATE}"


def test_every_translation_is_there_and_confirmed() -> None:
    catalog = read(CATALOGUE)
    assert [key for key, text in translations(catalog).items() if not text.strip()] == []
    assert [each.id for each in catalog if each.id and each.fuzzy] == [], "compare, unmark"


def test_both_languages_name_the_same_values() -> None:
    def placeholders(text: str) -> set[str]:
        return {name for _, name, _, _ in Formatter().parse(text) if name is not None}

    for (_, english), japanese in translations(read(CATALOGUE)).items():
        assert placeholders(japanese) == placeholders(english), english


def test_the_compiled_catalogue_is_that_of_the_text() -> None:
    with CATALOGUE.with_suffix(".mo").open("rb") as file:
        compiled = translations(read_mo(file))
    assert compiled == translations(read(CATALOGUE)), UPDATE


def test_the_update_leaves_an_up_to_date_catalogue_as_it_is(po: Path) -> None:
    """So that a merge meets only what somebody changed."""
    assert update(po, template()) == []
    assert entries(po) == entries(CATALOGUE)


def test_a_reworded_message_keeps_its_translation_until_it_is_confirmed(po: Path) -> None:
    def after() -> Catalog:
        template = Catalog()
        template.add("no such certificate: {number}")
        template.add("qu'est-ce que c'est")
        template.add("no such certificates")
        return template

    before = Catalog(locale="ja")
    before.add("there is no such certificate: {number}", "証明書 {number} はありません")
    before.add("a sentence that goes", "なくなる文")
    before.add("no such certificates", "証明書はありません")
    write(po, before)
    assert update(po, after()) == [
        "no translation: qu'est-ce que c'est",
        "fuzzy: no such certificate: {number}",
        "dropped: a sentence that goes = なくなる文",
    ]
    assert update(po, after())[1] == "fuzzy: no such certificate: {number}"
    written = po.read_text("utf-8")
    assert '#| msgid "there is no such certificate: {number}"' in written
    assert "a sentence that goes" not in written
    with po.with_suffix(".mo").open("rb") as file:
        assert translations(read_mo(file)) == {(None, "no such certificates"): "証明書はありません"}

    po.write_text(written.replace("#, fuzzy, ", "#, "), "utf-8")
    assert update(po, after()) == ["no translation: qu'est-ce que c'est"]
    assert "there is" not in po.read_text("utf-8")


def test_an_errors_template_is_literal_so_that_it_can_be_found() -> None:
    for place, error in errors():
        assert literals(error.args[0]) is not None, place
        for keyword in error.keywords:
            assert keyword.arg != "hint" or literals(keyword.value) is not None, place


def test_english_messages_begin_small_and_have_no_full_stop() -> None:
    for place, error in errors():
        for _, text in literals(error.args[0]) or []:
            assert not text.endswith("."), place
            assert text[0] in "{`-" or text[0].islower() or text.split()[0].isupper(), place


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


def test_user_input_is_never_translated() -> None:
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


def test_an_empty_text_stays_empty() -> None:
    """gettext keeps the header of its file under the empty message."""
    assert JAPANESE.say("") == ""
    assert JAPANESE.message(Invalid("{problem}", problem="")) == ""
