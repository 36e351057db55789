"""The client's address and whether it uses TLS, according to trusted proxies."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from functools import lru_cache

from starlette.requests import HTTPConnection

from renrakucho_ca.service.retrieval.rate_limit import Address

_UNKNOWN_ADDRESS = ipaddress.IPv4Address(0)


def address_of(connection: HTTPConnection, trusted: Collection[Address]) -> Address:
    """Return the client's address.

    X-Forwarded-For is read from the right, since each proxy appends its peer: all entries left of
    the first untrusted address can be forged.

    Args:
        trusted: the proxies of `rca.yaml`; the header of other peers is ignored.
    """
    peer = _peer(connection) or _UNKNOWN_ADDRESS
    if peer not in trusted:
        return peer
    hops = ",".join(connection.headers.getlist("x-forwarded-for")).split(",")
    for hop in reversed(hops):
        address = _parse(hop)
        if address is None:
            break
        peer = address
        if address not in trusted:
            break
    return peer


def is_over_tls(connection: HTTPConnection, trusted: Collection[Address]) -> bool:
    """Return whether the client uses TLS, to us or to a trusted proxy."""
    if connection.scope["scheme"] == "https":
        return True
    return connection.headers.get("x-forwarded-proto") == "https" and _peer(connection) in trusted


def _peer(connection: HTTPConnection) -> Address | None:
    # Host and port; None on a Unix socket.
    client = connection.scope.get("client")
    return _parse(client[0] if client else "")


@lru_cache(maxsize=256)
def _parse(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
