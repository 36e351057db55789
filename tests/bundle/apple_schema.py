"""Judges a configuration profile by Apple's own schema (github.com/apple/device-management)."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parents[3] / "shared" / "apple-profile-schema"

TYPES: dict[str, tuple[type, ...]] = {
    "<string>": (str,),
    "<integer>": (int,),
    "<real>": (float, int),
    "<boolean>": (bool,),
    "<data>": (bytes,),
    "<date>": (datetime,),
    "<array>": (list,),
    "<dictionary>": (dict,),
}


def require() -> None:
    """Skips the test that calls it where the schema is missing; where CI runs, fails it."""
    if FOLDER.is_dir():
        return
    reason = f"Apple's schema is not at {FOLDER.relative_to(FOLDER.parents[1])}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def violations(profile: dict[str, Any], platform: str = "iOS") -> list[str]:
    """Return the violations of the schema in a profile."""
    top = _schema("TopLevel")
    payloads = profile.get("PayloadContent")
    payloads = payloads if isinstance(payloads, list) else []
    return [
        *_key_violations("profile", profile, top["payloadkeys"], platform),
        *(found for each in payloads for found in _payload_violations(each, platform)),
        *_repeated("PayloadIdentifier", payloads),
        *_repeated("PayloadUUID", [profile, *payloads]),
    ]


def _payload_violations(payload: dict[str, Any], platform: str) -> Iterator[str]:
    kind = payload.get("PayloadType")
    if not isinstance(kind, str) or not (FOLDER / f"{kind}.yaml").is_file():
        yield f"payload: unknown PayloadType {kind!r}"
        return
    schema = _schema(kind)
    if not _is_supported(schema["payload"], platform):
        yield f"{kind}: not for {platform}"
    keys = _schema("CommonPayloadKeys")["payloadkeys"] + schema["payloadkeys"]
    yield from _key_violations(kind, payload, keys, platform)


def _key_violations(
    where: str, values: dict[str, Any], keys: list[dict[str, Any]], platform: str
) -> Iterator[str]:
    known = {key["key"]: key for key in keys}
    for name in values.keys() - known.keys():
        yield f"{where}: unknown key {name}"
    for name, key in known.items():
        if name not in values:
            if key["presence"] == "required":
                yield f"{where}: {name} is missing"
            continue
        value = values[name]
        # `type` and not `isinstance`: True is no integer here.
        if type(value) not in TYPES[key["type"]]:
            yield f"{where}: {name} is not {key['type']}"
        elif "rangelist" in key and value not in key["rangelist"]:
            yield f"{where}: {name} is not one of {key['rangelist']}"
        if not _is_supported(key, platform):
            yield f"{where}: {name} is not for {platform}"


def _is_supported(entry: dict[str, Any], platform: str) -> bool:
    # A key without the platform follows its payload.
    return bool(entry.get("supportedOS", {}).get(platform, {}).get("introduced") != "n/a")


def _repeated(name: str, dictionaries: list[dict[str, Any]]) -> Iterator[str]:
    for value, times in Counter(str(each.get(name)) for each in dictionaries).items():
        if times > 1:
            yield f"{name} {value} stands {times} times"


@cache
def _schema(name: str) -> Any:
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
