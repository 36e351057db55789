"""A YAML file is read into a checked type, or refused in one line that names the place."""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renrakucho_ca import yamlfile
from renrakucho_ca.errors import Invalid, NotFound, RcaError, Unavailable


class Color(StrEnum):
    RED = "red"
    BLUE = "blue"


def _no_shouting(text: str) -> str:
    if text.isupper():
        raise Invalid("{text} shouts", hint="say {quiet}", text=text, quiet=text.lower())
    return text.strip()


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    word: str
    colors: tuple[Color, ...] = ()

    def __post_init__(self) -> None:
        yamlfile.refine(self, _no_shouting, "word")


class Outer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    years: Annotated[int, msgspec.Meta(ge=1, le=50)]
    inner: Inner | None = None
    mode: Literal["fast", "slow"] | None = None
    title: str | None = None
    open: bool = False


def read(text: str) -> Outer:
    return yamlfile.parse(text, Outer, "x.yaml")


def refusal(text: str) -> RcaError:
    with pytest.raises(Invalid) as caught:
        read(text)
    return caught.value


def outcome(reading: Callable[[], Outer]) -> Outer | Invalid:
    try:
        return reading()
    except Invalid as error:
        return error


def said(error: RcaError) -> str:
    """Return the error as printed; the hint follows a bar."""
    hint = f" | {error.hint.format(**error.values)}" if error.hint else ""
    return f"{error}{hint}"


def test_a_file_becomes_its_type() -> None:
    text = """\
# a comment
years: 10
inner:
  word: 連絡帳
  colors: [red, blue]
mode: fast
title: "2026-01-16"
open: true
"""
    assert read(text) == Outer(
        years=10,
        inner=Inner("連絡帳", (Color.RED, Color.BLUE)),
        mode="fast",
        title="2026-01-16",
        open=True,
    )


QUOTES = "put text that looks like a number, date or yes/no in quotes"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("years: 0", "x.yaml:1: years: expected int >= 1, got 0"),
        ("\n\nyears: 51", "x.yaml:3: years: expected int <= 50, got 51"),
        ("years: ten", "x.yaml:1: years: expected int, got text"),
        ("years:", "x.yaml:1: years: expected int, got null"),
        ("years: 1.5", "x.yaml:1: years: expected int, got float"),
        ("years: [1]", "x.yaml:1: years: expected int, got list"),
        ("years: 1\ninner: 3", "x.yaml:2: inner: expected mapping | null, got int"),
        ("years: 1\nmode: slwo", "x.yaml:2: mode: expected one of fast, slow, got 'slwo'"),
        (
            "years: 1\ninner:\n  word: a\n  colors:\n    - red\n    - green",
            "x.yaml:6: inner.colors[1]: expected one of red, blue, got 'green'",
        ),
        ("mode: fast", "x.yaml:1: years is missing"),
        ("years: 1\ninner:\n  # nothing\n  colors: []", "x.yaml:2: inner.word is missing"),
        ("years: 1\nyesr: 2", "x.yaml:2: unknown key 'yesr' | did you mean years?"),
        (
            "years: 1\ninner:\n  word: a\n  zzz: 2",
            "x.yaml:4: unknown key 'zzz' | use one of the keys: word, colors",
        ),
        (
            "years: 1\n1: 2",
            "x.yaml:2: unknown key '1' | use one of the keys: years, inner, mode, title, open",
        ),
        ("years: 1\nmode: fast\nyears: 2", "x.yaml:3: 'years' appears twice"),
        ("years: 1\ninner: {word: HEY}", "x.yaml:2: inner.word: HEY shouts | say hey"),
    ],
)
def test_a_mistake_is_reported_with_its_line_and_the_expected_value(text: str, line: str) -> None:
    assert said(refusal(text)) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("title: NO", f"title: expected text | null, got bool | {QUOTES}"),
        ("title: 8", f"title: expected text | null, got int | {QUOTES}"),
        ("title: 2026-01-16", f"'2026-01-16' is neither a decimal number nor text | {QUOTES}"),
        ("years: 0x1F", f"'0x1F' is neither a decimal number nor text | {QUOTES}"),
        ("years: 1:30", f"'1:30' is neither a decimal number nor text | {QUOTES}"),
    ],
)
def test_an_ambiguous_yaml_scalar_is_refused(text: str, line: str) -> None:
    assert said(refusal(text)) == f"x.yaml:1: {line}"


def test_a_leading_zero_does_not_make_a_number_octal() -> None:
    assert read("years: 010").years == 10


def test_the_value_of_a_wrong_type_is_not_repeated_because_it_may_be_a_secret() -> None:
    assert "31415926" not in said(refusal("years: 1\ntitle: 31415926"))


BILLION_LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{name}: &{name} [*{before}, *{before}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "x.yaml is empty"),
        ("# a comment alone\n", "x.yaml is empty"),
        ("[1]", "x.yaml:1: expected keys and values, such as `key: value`"),
        ("\nword", "x.yaml:2: expected keys and values, such as `key: value`"),
        (BILLION_LAUGHS, "x.yaml:1: anchors and aliases are not allowed"),
        ("years: 1\ninner: &x\n  word: *x", "x.yaml:2: anchors and aliases are not allowed"),
        ("years: 1\ninner:\n  word: *x", "x.yaml:3: anchors and aliases are not allowed"),
        ("years: !!python/object/apply:os.getpid []", "x.yaml:1: tags are not allowed"),
        ("years: 1\ntitle: !!binary QQ==", "x.yaml:2: tags are not allowed"),
        ("years: !!int x", "x.yaml:1: tags are not allowed"),
        ("years: 1\n? [a]\n: b", "x.yaml:2: a key must be a word"),
        ("<<: {years: 1}", "x.yaml:1: unknown key '<<'"),
        ("years: " + "[" * 16 + "]" * 16, "x.yaml:1: nested too deeply"),
        ("years: " + "{a: " * 16 + "}" * 16, "x.yaml:1: nested too deeply"),
        # Newer ones of libyaml refuse these by themselves.
        ("years: " + "[" * 9999 + "]" * 9999, "x.yaml:1: n"),
        ("years: " + "{a: " * 9999 + "}" * 9999, "x.yaml:1: n"),
        ("years: 1\ntitle: a\0b", "x.yaml:2: control character U+0000"),
        ("years: 1\ntitle: \x1b[31m", "x.yaml:2: control character U+001B"),
        ("years: 1\ntitle: \ud800", "x.yaml:2: control character U+D800"),
        ("years: " + "9" * 5000, "x.yaml:1: '999"),
        ("years: 1\n---\nyears: 2", "x.yaml:2: not YAML: "),
        ("years: 1\ntitle: 'open", "x.yaml:2: not YAML: "),
        ("%YAML 9.9\n---\nyears: 1", "x.yaml:1: not YAML: "),
    ],
)
def test_unneeded_yaml_features_are_refused(text: str, line: str) -> None:
    assert str(refusal(text)).startswith(line)


@pytest.mark.parametrize("text", ["years: 1\ninner:\n\tword: a", "\tyears: 1"])
def test_tabs_for_indentation_are_named_as_the_mistake(text: str) -> None:
    assert said(refusal(text)).endswith("| indent with spaces, not tabs")


def test_a_file_saved_by_windows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xef\xbb\xbfyears: 3\r\nmode: slow\r\n")
    assert yamlfile.read(path, Outer) == Outer(years=3, mode="slow")


def _shift_jis(path: Path) -> None:
    path.write_bytes("years: 1\ntitle: 連絡帳\n".encode("cp932"))


def _too_large(path: Path) -> None:
    path.write_bytes(b"years: 1\n" + b"#" * yamlfile.LARGEST)


def _loop(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (_shift_jis, "{}:2: not UTF-8"),
        (_too_large, "{} has more than 262144 bytes"),
        (Path.mkdir, "{} is not a regular file"),
        (os.mkfifo, "{} is not a regular file"),
    ],
)
def test_a_file_that_cannot_be_read_is_said_to_be_so(
    make: Callable[[Path], None], line: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.yaml"
    make(path)
    with pytest.raises(Invalid) as caught:
        yamlfile.read(path, Outer)
    assert str(caught.value) == line.format(path)


def test_a_file_that_the_system_does_not_give_is_unavailable(tmp_path: Path) -> None:
    """The content may be right: a disk may fail, too many files may be open."""
    path = tmp_path / "x.yaml"
    _loop(path)
    with pytest.raises(Unavailable, match=r"cannot read .*: Too many levels of symbolic links"):
        yamlfile.read(path, Outer)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_of_another_user_is_said_to_be_so(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.touch(mode=0)
    with pytest.raises(Unavailable, match="cannot be read: Permission denied"):
        yamlfile.read(path, Outer)


@pytest.mark.parametrize("name", ["none.yaml", "file/none.yaml"])
def test_a_missing_file_is_not_found(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotFound, match=r"none\.yaml does not exist"):
        yamlfile.read(tmp_path / name, Outer)


# Texts that are nearly right find more than noise does.
_PIECES = [
    "years", "inner", "word", "colors", "mode", "title", ": ", "\n", "  ", "- ", "1", "red",
    "'", '"', "{", "}", "[", "]", "&a", "*a", "!!str", "|", ">", "#", "?", "\t", "\\", "%", "---",
    "$", "`", "\x85", "\u2028", "\ufeff", "😀", "~", "yes", "1e3", ".inf", ",",
]  # fmt: skip


def is_one_line(error: RcaError) -> bool:
    return len(said(error).splitlines()) == 1


@given(st.one_of(st.text(), st.lists(st.sampled_from(_PIECES)).map("".join)))
def test_any_text_gives_the_type_or_one_line(text: str) -> None:
    result = outcome(lambda: read(text))
    assert isinstance(result, Outer) or is_one_line(result)


@given(st.binary())
def test_any_bytes_give_the_type_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(data)
    result = outcome(lambda: yamlfile.read(path, Outer))
    assert isinstance(result, Outer) or is_one_line(result)
