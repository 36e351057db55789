"""The nginx snippet for TLS client authentication by certificates of one hierarchy."""

from __future__ import annotations

from pathlib import Path

_SERVER_BLOCK = """\
# TLS client authentication for the hierarchy "{hierarchy}". Include this file in a server block
# that listens with ssl. `rca publish` writes it; nginx reads these files when it is reloaded.

# nginx sends the names of these CAs to the browser. They must include the issuing CA: a device
# that keeps no intermediate finds no certificate under the root's name.
ssl_client_certificate {issuing};
ssl_trusted_certificate {root};

# One CRL for every CA of the chain. A missing or expired one locks everyone out (400).
ssl_crl {crl};

ssl_verify_client on;
ssl_verify_depth 2;

# To also ask `rca serve` at each login, so that a revocation counts before nginx is reloaded
# (docs/ocsp.md); use `on` instead of `leaf` if the root's key is on the machine of rca:
#ssl_ocsp leaf;
#ssl_ocsp_responder http://127.0.0.1:8080/ocsp/{hierarchy};

# A resumed session is not verified again: without these two, a revoked certificate works as long
# as its session can be resumed. If several servers share an address, its default server needs
# them too.
ssl_session_tickets off;
ssl_session_cache off;
"""


def server_block(hierarchy: str, folder: Path) -> bytes:
    """Return the snippet, with absolute paths of the published files in `folder`."""
    return _SERVER_BLOCK.format(
        hierarchy=hierarchy,
        issuing=_quoted(folder / f"{hierarchy}-issuing.pem"),
        root=_quoted(folder / f"{hierarchy}-root.pem"),
        crl=_quoted(folder / f"{hierarchy}-crl.pem"),
    ).encode("utf-8", "surrogateescape")  # a folder's name need not be UTF-8


def _quoted(path: Path) -> str:
    """Quote a path for nginx; none of these three directives expands variables."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
