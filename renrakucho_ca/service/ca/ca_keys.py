"""The CAs' keys: in the keystore, in a given file, or in a token."""

from __future__ import annotations

import os
import stat
from datetime import datetime
from pathlib import Path

from renrakucho_ca import token_uri
from renrakucho_ca.errors import Conflict, Invalid, Refused, Unavailable
from renrakucho_ca.model import Authority, KeyAlgorithm
from renrakucho_ca.pki import authority_certificate, external_root, keys, token, token_login
from renrakucho_ca.pki.keys import MemoryKey, SigningKey
from renrakucho_ca.service.home import Home
from renrakucho_ca.store.tables import ca_certificates, hierarchies
from renrakucho_ca.token_uri import KeyPlace, TokenUri

_LONGEST_PIN = 1024


def is_in_token(authority: Authority) -> bool:
    """Return whether a CA's key is in a token."""
    return authority.key is not None and token_uri.is_uri(authority.key)


def is_here(home: Home, name: str) -> bool:
    """Return whether a key is in its recorded place; a token is not asked."""
    return token_uri.is_uri(name) or home.keystore.has(name)


def ca_key(home: Home, authority: Authority, root_key: KeyPlace | None = None) -> SigningKey | None:
    """Return a CA's private key, proven to be its own; None if it is off the machine.

    Args:
        root_key: the place of a key that the store lacks; it may be another CA's.

    Raises:
        Unavailable: wrong passphrase, or the token refuses the login.
        Invalid: the key does not belong to the certificate.
    """
    if authority.key is not None:
        key = opened(home, authority.key)
    elif root_key is None or not fits(home, root_key, authority):
        return None
    elif isinstance(root_key, TokenUri):
        key = opened(home, root_key.text)
    else:
        key = MemoryKey.from_pkcs8(home.keystore.read_outside(root_key, authority.name))
    keys.check_pair(key, authority_certificate.of(authority))
    return key


def opened(home: Home, name: str) -> SigningKey:
    """Open a CA's key; the caller then runs `keys.check_pair`.

    Args:
        name: in the keystore, or a `pkcs11:` URI.

    Raises:
        Unavailable: wrong passphrase, or the token refuses the login.
    """
    if token_uri.is_uri(name):
        return token.get(_access(home, token_uri.parse(name)))
    return MemoryKey.from_pkcs8(home.keystore.read(name))


def fits(home: Home, root_key: KeyPlace, authority: Authority) -> bool:
    """Return whether a given key names that CA as its owner."""
    if isinstance(root_key, TokenUri):
        public_key = authority_certificate.of(authority).public_key()
        return opened(home, root_key.text).public_key() == public_key
    return home.keystore.name_in(root_key) == authority.name


def make(
    home: Home,
    algorithm: KeyAlgorithm,
    uri: TokenUri | None,
    *,
    strictly: bool = False,
    other: SigningKey | None = None,
) -> SigningKey:
    """Return the key of a new CA: created in memory or in a token, or the token's existing one.

    After a run that died before it recorded its CA, the same URI works again.

    Args:
        strictly: an existing key must also have that algorithm.
        other: the key of another new CA.

    Raises:
        Conflict: the key is another CA's. Invalid: it has another algorithm.
        Unavailable: the token refuses the login.
    """
    if uri is None:
        return MemoryKey(keys.generate(algorithm))
    access = _access(home, uri)
    found = token.find(access)
    if found is None:
        found = token.generate(access, algorithm)
    kind = keys.describe(found.public_key())
    if strictly and kind != algorithm:
        raise Invalid(
            "the key {uri} exists already; its algorithm is {kind}",
            hint="omit --key-algorithm, or name another key",
            uri=uri,
            kind=kind,
        )
    _refuse_used(home, found, uri, other)
    keys.check_key_pair(found, found.public_key())
    return found


def keep(home: Home, name: str, key: SigningKey, now: datetime) -> str:
    """Seal a CA's new key into the keystore, unless it is in a token; return its recorded name."""
    home.keystore.set_orphaned_key_aside(name, now)
    return key.store(name, home.keystore.write)


def look_for_token(home: Home, authority: Authority) -> None:
    """Check that the token with a CA's key is present, and that its PIN file is usable. Tries no
    PIN.

    Raises:
        Unavailable: either is not. Refused: others can read the PIN file.
    """
    assert authority.key is not None
    uri = token_uri.parse(authority.key)
    token_login.look_for(uri, _module(home, uri))
    if uri.pin_source is not None:
        _pin_in(home.path / uri.pin_source)


def has_pin_file(authority: Authority) -> bool:
    """Return whether the PIN of a CA's key in a token comes from a file."""
    assert authority.key is not None
    return token_uri.parse(authority.key).pin_source is not None


def _refuse_used(home: Home, key: SigningKey, uri: TokenUri, other: SigningKey | None) -> None:
    """Refuse a key in use: one key of two CAs could not be given up for one of them."""
    public_key = key.public_key()
    known = hierarchies.authorities(home.db)
    used = [authority_certificate.of(authority).public_key() for authority in known]
    waiting = ca_certificates.requests(home.db)
    used += [external_root.load_request(each.request).public_key() for each in waiting]
    if public_key in used or (other is not None and public_key == other.public_key()):
        raise Conflict(
            "the key {uri} belongs to another CA",
            hint="name a separate key for each CA",
            uri=uri,
        )


def _access(home: Home, uri: TokenUri) -> token_login.Access:
    return token_login.Access(uri, _module(home, uri), _pin(home, uri))


def _module(home: Home, uri: TokenUri) -> str:
    module = uri.module or home.settings.pkcs11_module
    if module is None:
        raise Unavailable(
            "no PKCS #11 module is configured for {uri}",
            hint="name it with module-path= in the URI, or with pkcs11_module in rca.yaml",
            uri=uri,
        )
    return module


def _pin(home: Home, uri: TokenUri) -> str:
    """Read the PIN from the URI's file, or ask for it."""
    if uri.pin_source is None:
        # Do not ask for the PIN of a missing token.
        token_login.look_for(uri, _module(home, uri))
        return home.pin(uri.name_of_token)
    return _pin_in(home.path / uri.pin_source)


def _pin_in(file: Path) -> str:
    try:
        # Without O_NONBLOCK, open(2) of a named pipe without a writer blocks.
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            if mode & 0o077 or not stat.S_ISREG(mode):
                raise Refused(
                    "other users can read or write the PIN file {file}",
                    hint="run `chmod 600 {file}`",
                    file=file,
                )
            content = stream.read(_LONGEST_PIN + 1)
    except OSError as error:
        raise Unavailable(
            "cannot read the PIN from {file}: {reason}",
            hint="write the token's PIN into the file, mode 0600, or name another file with "
            "pin-source=",
            file=file,
            reason=error.strerror,
        ) from error
    try:
        pin = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:  # a PIN is UTF-8 (PKCS #11, C_Login)
        pin = ""
    if not pin or len(content) > _LONGEST_PIN:
        raise Unavailable(
            "no PIN in {file}",
            hint="write the token's PIN into the file, mode 0600, or name another file with "
            "pin-source=",
            file=file,
        )
    return pin
