"""The nginx snippet that makes a door: who holds a certificate of this hierarchy comes in."""

from __future__ import annotations

from pathlib import Path

_SERVER_BLOCK = """\
# The door of the hierarchy "{hierarchy}". Include it in a server block that listens with ssl.
# Written by `rca publish`; nginx reads the files again when it is reloaded, not before.

# The names of these CAs are what a browser is asked for. It is the issuing CA that has to stand
# here: a device that keeps no intermediate finds nothing under the root's name.
ssl_client_certificate {issuing};
ssl_trusted_certificate {root};

# One CRL for every CA of the chain. A missing or expired one locks everyone out (400).
ssl_crl {crl};

ssl_verify_client on;
ssl_verify_depth 2;

# To ask `rca serve` at each login besides, so that nginx need not reload for a revocation to count
# (docs/ocsp.md); `on` in place of `leaf` where the root's key is on the machine of rca:
#ssl_ocsp leaf;
#ssl_ocsp_responder http://127.0.0.1:8080/ocsp/{hierarchy};

# A resumed session is not verified again: without these two a revoked certificate would go on
# working for as long as its session can be resumed.
# Where several servers share an address, its default server decides: it needs them as well.
ssl_session_tickets off;
ssl_session_cache off;
"""


def server_block(hierarchy: str, folder: Path) -> bytes:
    """The snippet, with the absolute paths of the published files.

    Args:
        folder: where `rca publish` writes.
    """
    return _SERVER_BLOCK.format(
        hierarchy=hierarchy,
        issuing=_quoted(folder / f"{hierarchy}-issuing.pem"),
        root=_quoted(folder / f"{hierarchy}-root.pem"),
        crl=_quoted(folder / f"{hierarchy}-crl.pem"),
    ).encode("utf-8", "surrogateescape")  # a folder's name need not be UTF-8


def _quoted(path: Path) -> str:
    """A path as nginx reads it; none of these three directives expands variables."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
