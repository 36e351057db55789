"""Find the token (PKCS #11) that a URI names, and log in to it.

A token allows one login per process and locks after a few wrong PINs. So a process keeps its
session or refusal, and never uses the last attempt.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from renrakucho_ca.errors import Unavailable
from renrakucho_ca.token_uri import TokenUri

if TYPE_CHECKING:
    from types import ModuleType

_Place = tuple[str, int]
"""A module, and the token's slot in it."""

WAITS = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds to wait for a missing token. SoftHSM rewrites its file at each login, and hides the token
meanwhile: of three processes with constant logins, like a batch's workers, each misses it 8 times
of 10, and after 0.2 s never (measured)."""

_sessions: dict[_Place, Any] = {}
_refused: set[_Place] = set()
_waited: set[str] = set()
"""Modules for which this process has waited once, which is enough."""


@dataclass(frozen=True, slots=True)
class Access:
    """The data needed to use a key: plain values, which a worker process can receive.

    `module` is the path of the PKCS #11 library.
    """

    uri: TokenUri
    module: str
    pin: str = field(repr=False)


def look_for(uri: TokenUri, module: str) -> None:
    """Check that the token is present and allows a login, without a PIN.

    Raises:
        Unavailable: the module cannot be loaded, not exactly one token fits, or its PIN is locked
            or nearly so.
    """
    with translated_errors(uri) as pkcs11:
        _refuse_spent(pkcs11, _token(pkcs11, uri, module), uri)


def login(pkcs11: ModuleType, access: Access) -> Any:
    """Return a session of the process's one login to a token.

    Raise Unavailable without module or token, or after a refused PIN, and the library's errors.
    """
    token = _token(pkcs11, access.uri, access.module)
    place = access.module, token.slot.slot_id
    if place in _refused:
        raise _wrong_pin(access.uri)
    if place not in _sessions:
        try:
            _sessions[place] = _opened(pkcs11, token, access)
        except (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange):
            _refused.add(place)
            raise
    return _sessions[place]


def _opened(pkcs11: ModuleType, token: Any, access: Access) -> Any:
    """Log in; retry if another process wrote to the token meanwhile, but not after a refused PIN.

    That happened in one of a hundred logins to SoftHSM, four at a time (measured).
    """
    for seconds in WAITS:
        _refuse_spent(pkcs11, token, access.uri)
        with suppress(pkcs11.GeneralError):
            return token.open(user_pin=access.pin)
        time.sleep(seconds)
    _refuse_spent(pkcs11, token, access.uri)
    return token.open(user_pin=access.pin)


def _refuse_spent(pkcs11: ModuleType, token: Any, uri: TokenUri) -> None:
    """Keep cron from retrying a changed PIN until the token is locked."""
    if pkcs11.TokenFlag.USER_PIN_LOCKED in token.flags:
        raise pkcs11.PinLocked
    if pkcs11.TokenFlag.USER_PIN_FINAL_TRY in token.flags:
        raise Unavailable(
            "the token of {uri} allows one more PIN attempt; rca does not use it",
            hint="run `pkcs11-tool --login --list-objects` with the right PIN to restore all "
            "attempts",
            uri=uri,
        )


def _token(pkcs11: ModuleType, uri: TokenUri, module: str) -> Any:
    """Return the one token that a URI names; wait a moment for it."""
    found = _tokens(pkcs11, uri, module)
    if not found and module not in _waited and not any(used == module for used, _ in _sessions):
        _waited.add(module)
        for seconds in WAITS:
            time.sleep(seconds)
            with suppress(pkcs11.PKCS11Error):
                pkcs11.lib(module).reinitialize()
            if found := _tokens(pkcs11, uri, module):
                break
    if not found:
        raise Unavailable(
            "no token matches {uri}",
            hint="check that the token is plugged in and that the URI names it: `pkcs11-tool "
            "--list-slots`",
            uri=uri,
        )
    if len(found) > 1:
        raise Unavailable(
            "{count} tokens match {uri}",
            hint="unplug the other tokens, or select one with serial= in the URI",
            count=len(found),
            uri=uri,
        )
    return found[0]


def _tokens(pkcs11: ModuleType, uri: TokenUri, module: str) -> list[Any]:
    """Return all tokens that fit a URI now."""
    try:
        slots = pkcs11.lib(module).get_slots(token_present=True)
    except pkcs11.GeneralError:  # SoftHSM's error while another process writes
        return []
    except (RuntimeError, OSError) as error:
        raise Unavailable(
            "the PKCS #11 module {module} cannot be loaded",
            hint="name it with module-path= in the URI, or with pkcs11_module in rca.yaml",
            module=module,
        ) from error
    return [
        token
        for slot in slots
        if uri.slot_id in (None, slot.slot_id)
        for token in _in_slot(pkcs11, slot)
        if uri.token in (None, token.label)
        and uri.serial in (None, token.serial.decode(errors="replace").strip())
        and uri.manufacturer in (None, token.manufacturer_id)
        and uri.model in (None, token.model)
    ]


def _in_slot(pkcs11: ModuleType, slot: Any) -> list[Any]:
    """Return the slot's token if it is readable and initialized."""
    try:
        token = slot.get_token()
    except pkcs11.PKCS11Error:
        return []
    return [token] if pkcs11.TokenFlag.TOKEN_INITIALIZED in token.flags else []


def _wrong_pin(uri: TokenUri) -> Unavailable:
    return Unavailable(
        "the token refuses the PIN for {uri}",
        hint="check the PIN; rca tries it only once, because a token locks after a few wrong PINs",
        uri=uri,
    )


@contextmanager
def translated_errors(uri: TokenUri) -> Iterator[ModuleType]:
    """Yield the library, and translate its errors to Unavailable, also if it is not installed."""
    try:
        import pkcs11
    except ImportError as error:
        raise Unavailable(
            "keys in tokens need a library: python-pkcs11 is not installed",
            hint="run `pip install 'renrakucho-ca[hsm]'`",
        ) from error
    try:
        yield pkcs11
    except (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange) as error:
        raise _wrong_pin(uri) from error
    except pkcs11.PinLocked as error:
        raise Unavailable(
            "the PIN for {uri} is locked",
            hint="the token's security officer can set a new PIN",
            uri=uri,
        ) from error
    except pkcs11.PKCS11Error as error:
        raise Unavailable(
            "the token refuses the operation for {uri}: {reason}",
            hint="check that the token is still plugged in: `pkcs11-tool --list-slots`",
            uri=uri,
            reason=type(error).__name__,
        ) from error
