"""The properties of the portal's tests."""

from __future__ import annotations

from collections.abc import Callable

from renrakucho_ca.service.issuance.issuer import Issued

Issue = Callable[..., Issued]

PROXY = "192.0.2.254"
"""The one that the home's settings trust."""
