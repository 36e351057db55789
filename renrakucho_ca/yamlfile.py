"""Read a YAML file into a frozen msgspec Struct; report a mistake with its file and line.

Only mappings, lists and plain values are allowed. Aliases (a few lines can unfold to gigabytes),
tags, duplicate keys and deep nesting are refused. Loading PyYAML and msgspec costs 50 ms each:
import this module lazily.
"""

from __future__ import annotations

import difflib
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import msgspec.inspect
import yaml

from renrakucho_ca.errors import Invalid, NotFound, Unavailable

T = TypeVar("T", bound=msgspec.Struct)

LARGEST = 256 * 1024
"""Bytes of a file; the shipped ones have a few thousand."""

DEEPEST = 16
"""Levels of nesting. The shipped files have two; up to this many, recursion is harmless."""

_Path = tuple[str | int, ...]
"""The keys and list positions from the top to a value."""

# libyaml, if PyYAML was built with it, is ten times faster than the loader in Python.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# c-printable (YAML 1.1 §5.1): the loaders refuse the same characters, but give no line number.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# int() and float() instead of YAML 1.1's rules, which read 1:30 as 90 and 010 as 8.
_SCALARS: dict[str, Callable[[str], object]] = {
    "tag:yaml.org,2002:null": lambda text: None,
    "tag:yaml.org,2002:bool": lambda text: text.lower() in {"true", "yes", "on"},
    "tag:yaml.org,2002:int": int,
    "tag:yaml.org,2002:float": float,
    "tag:yaml.org,2002:str": str,
}


class Fault(ValueError):
    """A violated rule, raised by a Struct's `__post_init__`; `read` adds file and line.

    Args:
        key: the field at fault.
        problem: a message that makes sense without the key; its hint is kept.
    """

    def __init__(self, key: str, problem: Invalid) -> None:
        super().__init__(str(problem))
        self.key = key
        self.problem = problem


def refine(struct: msgspec.Struct, check: Callable[[Any], object], *keys: str) -> None:
    """Replace fields of a Struct by their checked values, in a `__post_init__`.

    Raises Fault for an Invalid.

    Args:
        struct: may be frozen.
        check: returns the normalized value, or raises Invalid.
        keys: the fields; None stays None.
    """
    for key in keys:
        value = getattr(struct, key)
        if value is not None:
            try:
                msgspec.structs.force_setattr(struct, key, check(value))
            except Invalid as problem:
                raise Fault(key, problem) from None


def read(path: Path, shape: type[T]) -> T:
    """Return the checked content of a YAML file.

    Args:
        path: a regular file in UTF-8, with or without a byte order mark, of at most `LARGEST`.
        shape: a Struct with `frozen=True, forbid_unknown_fields=True`; its `__post_init__` may
            raise `Fault`.

    Raises:
        NotFound: no such file. Unavailable: the system cannot read it.
        Invalid: it does not match `shape`.
    """
    data = _content(path)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Invalid("{file}:{line}: not UTF-8", file=path, line=line) from None
    return parse(text, shape, str(path))


def _content(path: Path) -> bytes:
    try:
        # Checked before opening: opening a pipe would block.
        if not stat.S_ISREG(path.stat().st_mode):
            raise Invalid("{file} is not a regular file", file=path)
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound("{file} does not exist", file=path) from None
    except OSError as error:
        # The content may be right.
        raise Unavailable(
            "cannot read {file}: {reason}", file=path, reason=error.strerror
        ) from None
    if len(data) > LARGEST:
        raise Invalid("{file} has more than {largest} bytes", file=path, largest=LARGEST)
    return data


def parse(text: str, shape: type[T], origin: str) -> T:
    """Parse a YAML text like `read`; raise Invalid if it does not match `shape`.

    Args:
        origin: its name in messages, usually the file's path.
    """
    try:
        _refuse_tricks(text, origin)
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise _not_yaml(error, text, origin) from None
    document = _Document(origin, _mapping(node, origin))
    plain = document.plain(document.root)
    try:
        return msgspec.convert(plain, shape)
    except msgspec.ValidationError as error:
        raise _explain(error, document, shape) from None


def _refuse_tricks(text: str, origin: str) -> None:
    """Refuse control characters, aliases, tags and deep nesting, before anything is unfolded."""
    if found := _UNPRINTABLE.search(text):
        raise Invalid(
            "{file}:{line}: control character U+{code}",
            file=origin,
            line=text.count("\n", 0, found.start()) + 1,
            code=f"{ord(found.group()):04X}",
        )
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if getattr(event, "anchor", None) is not None:
            raise Invalid(
                "{file}:{line}: anchors and aliases are not allowed", file=origin, line=line
            )
        if getattr(event, "tag", None) is not None:
            raise Invalid("{file}:{line}: tags are not allowed", file=origin, line=line)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise Invalid("{file}:{line}: nested too deeply", file=origin, line=line)


def _mapping(node: yaml.Node | None, origin: str) -> yaml.MappingNode:
    if node is None:
        raise Invalid("{file} is empty", file=origin)
    if not isinstance(node, yaml.MappingNode):
        raise Invalid(
            "{file}:{line}: expected keys and values, such as `key: value`",
            file=origin,
            line=node.start_mark.line + 1,
        )
    return node


def _not_yaml(error: yaml.YAMLError, text: str, origin: str) -> Invalid:
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark else 1
    said = [getattr(error, "context", None), getattr(error, "problem", None)]
    lines = text.split("\n")
    tabs = line <= len(lines) and re.match(r" *\t", lines[line - 1])
    return Invalid(
        "{file}:{line}: not YAML: {problem}",
        hint="indent with spaces, not tabs" if tabs else None,
        file=origin,
        line=line,
        problem=", ".join(part for part in said if part),
    )


@dataclass(frozen=True, slots=True)
class _Document:
    """The nodes of a text, with their lines."""

    origin: str
    root: yaml.MappingNode

    def plain(self, node: yaml.Node) -> object:
        """Return a node as dict, list or scalar. Keys are always text, even `on` and `1`."""
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(item) for item in node.value]
        if not isinstance(node, yaml.MappingNode):
            return self._scalar(node)
        mapping: dict[str, object] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise Invalid("{file}:{line}: a key must be a word", file=self.origin, line=line)
            if key.value in mapping:
                raise Invalid(
                    "{file}:{line}: {key} appears twice",
                    file=self.origin,
                    line=line,
                    key=_shown(key.value),
                )
            mapping[key.value] = self.plain(value)
        return mapping

    def _scalar(self, node: yaml.Node) -> object:
        try:
            return _SCALARS[node.tag](node.value)
        except (KeyError, ValueError):  # a date, 0x1F, 1:30
            raise Invalid(
                "{file}:{line}: {value} is neither a decimal number nor text",
                hint="put text that looks like a number, date or yes/no in quotes",
                file=self.origin,
                line=node.start_mark.line + 1,
                value=_shown(node.value),
            ) from None

    def locate(self, path: _Path) -> tuple[yaml.Node, int]:
        """Return the deepest existing node on the path, and the line of its key."""
        node: yaml.Node = self.root
        line = node.start_mark.line + 1
        for step in path:
            if isinstance(node, yaml.MappingNode):
                found = next((pair for pair in node.value if pair[0].value == step), None)
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
                found = (node.value[step], node.value[step])
            else:
                found = None
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        return node, line


# "Expected `int` >= 1 - at `$.subject.chain[0]`"
_MESSAGE = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<path>[\w.\[\]]*)`)?", re.DOTALL)
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`")
_EXPECTED = re.compile(r"Expected (?P<expected>.*?)(?:, got `(?P<got>.*)`)?")


def _explain(error: msgspec.ValidationError, document: _Document, shape: type[T]) -> Invalid:
    """Return the error of msgspec with the line in the file, in the words of YAML."""
    message = _MESSAGE.fullmatch(str(error))
    assert message is not None  # every text matches
    what = message["what"]
    path: _Path = tuple(
        name or int(position) for name, position in _STEP.findall(message["path"] or "")
    )
    if isinstance(error.__cause__, Fault):
        return _broken_rule(error.__cause__, document, path)
    if unknown := _UNKNOWN.fullmatch(what):
        return _unknown_key(unknown[1], document, path, shape)
    if missing := _MISSING.fullmatch(what):
        return Invalid(
            "{file}:{line}: {key} is missing",
            file=document.origin,
            line=document.locate(path)[1],
            key=_dotted((*path, missing[1])),
        )
    return _wrong_value(what, document, path, shape)


def _broken_rule(fault: Fault, document: _Document, path: _Path) -> Invalid:
    path = (*path, fault.key)
    place = {
        "file": document.origin,
        "line": document.locate(path)[1],
        "key": _dotted(path),
        "problem": fault.problem,
    }
    return Invalid(
        "{file}:{line}: {key}: {problem}",
        hint=fault.problem.hint,
        **{**fault.problem.values, **place},
    )


def _unknown_key(key: str, document: _Document, path: _Path, shape: type[T]) -> Invalid:
    struct = _type_at(shape, path)
    known = [field.encode_name for field in getattr(struct, "fields", ())]
    nearest = difflib.get_close_matches(key, known, n=1)
    return Invalid(
        "{file}:{line}: unknown key {key}",
        hint="did you mean {nearest}?" if nearest else "use one of the keys: {known}",
        file=document.origin,
        line=document.locate((*path, key))[1],
        key=_shown(key),
        nearest="".join(nearest),
        known=", ".join(known),
    )


def _wrong_value(what: str, document: _Document, path: _Path, shape: type[T]) -> Invalid:
    node, line = document.locate(path)
    found = _EXPECTED.fullmatch(what)
    got = found["got"] if found else None
    expected = found["expected"] if found else _choices(_type_at(shape, path))
    # The message names a wrong type but not the value: it may be an unquoted password.
    unquoted = expected.startswith("`str") and got in {"int", "float", "bool"}
    return Invalid(
        "{file}:{line}: {key}: expected {expected}, got {got}",
        hint="put text that looks like a number, date or yes/no in quotes" if unquoted else None,
        file=document.origin,
        line=line,
        key=_dotted(path),
        expected=_in_yaml_words(expected),
        got=_in_yaml_words(got) if got else _shown(document.plain(node)),
    )


def _type_at(shape: type[T], path: _Path) -> msgspec.inspect.Type:
    """Return the type of the value at the path."""
    info = msgspec.inspect.type_info(shape)
    for step in path:
        if isinstance(info, msgspec.inspect.StructType):
            info = next(field.type for field in info.fields if field.encode_name == step)
        elif isinstance(info, msgspec.inspect.VarTupleType):
            info = info.item_type
        if isinstance(info, msgspec.inspect.UnionType):  # all unions here are `something | None`
            info = info.types[0]
    return info


def _choices(info: msgspec.inspect.Type) -> str:
    """Return the values of an enum or a Literal, for a message."""
    if isinstance(info, msgspec.inspect.EnumType):
        return "one of " + ", ".join(member.value for member in info.cls)
    if isinstance(info, msgspec.inspect.LiteralType):
        return "one of " + ", ".join(str(value) for value in info.values)
    return "another value"


def _dotted(path: _Path) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).removeprefix(".")


def _in_yaml_words(words: str) -> str:
    yaml_words = {"object": "mapping", "array": "list", "str": "text"}
    return re.sub(r"\w+", lambda word: yaml_words.get(word[0], word[0]), words.replace("`", ""))


def _shown(value: object) -> str:
    """Return a value on one line: `repr` escapes unprintable characters."""
    return repr(value[:40] if isinstance(value, str) else value)[:60]
