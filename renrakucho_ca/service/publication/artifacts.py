"""The files of a hierarchy for servers: CA certificates, CRLs, the nginx snippet.

With a missing or damaged CRL nginx answers all clients with 400, so each file is read back before
it replaces the previous one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from zlib import crc32

from renrakucho_ca.background import BackgroundTask
from renrakucho_ca.errors import Unavailable
from renrakucho_ca.model import Authority, Hierarchy
from renrakucho_ca.pki import authority_certificate, crl, x509, x509_certificates
from renrakucho_ca.service.audit import checkpoints
from renrakucho_ca.service.ca import crls
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.publication import nginx
from renrakucho_ca.store import files

Content = Callable[[], Iterable[bytes]]
"""Returns the same bytes in pieces at each call: a long list never fills memory."""


def write(
    home: Home,
    hierarchy: Hierarchy,
    cross_certificates: Mapping[str, bytes],
    verified: Collection[Authority],
    folder: Path,
) -> list[Path]:
    """Write the files of a hierarchy that are missing or differ; return all its files.

    Args:
        cross_certificates: DER by the hierarchy that signed it. Each has a file of its own: in
            chain or root it would admit other hierarchies.
        verified: the CAs whose CRL in the store is whole and signed. The published CRLs of the
            others stay.

    Raises:
        Unavailable: a file differs from the written data. OSError: the disk is full or fails.
    """
    contents = _contents(home, hierarchy, verified)
    for by, der in cross_certificates.items():
        contents[f"{hierarchy.name}-cross-{by}.pem"] = _pem(x509_certificates.load(der))
    checkpoint = checkpoints.path_of(home, hierarchy.name)
    if checkpoint.exists():
        contents[checkpoint.name] = partial(files.pieces, checkpoint)
    if set(hierarchy.authorities) <= set(verified):
        server_block = nginx.server_block(hierarchy.name, folder.resolve())
        contents[f"nginx-{hierarchy.name}.conf"] = partial(iter, [server_block])
    # A long CRL as text in parallel with its DER: six sevenths of the time of both in turn.
    text = contents.keys() & {f"{hierarchy.name}-crl.pem"}
    with BackgroundTask(partial(_put_all, folder, contents, text)) as task:
        _put_all(folder, contents, contents.keys() - text)
    task.result()
    return [folder / name for name in contents]


def differing(
    home: Home, hierarchy: Hierarchy, verified: Collection[Authority], folder: Path
) -> list[Path]:
    """Return the CA certificates and CRLs that are missing or differ from those of `write`."""
    contents = _contents(home, hierarchy, verified)
    return [
        path
        for name, content in contents.items()
        if not (path := folder / name).is_file() or not _holds(path, content())
    ]


def _contents(
    home: Home, hierarchy: Hierarchy, verified: Collection[Authority]
) -> dict[str, Content]:
    """Return the CA certificates and CRLs of a hierarchy, by file name."""
    root = authority_certificate.of(hierarchy.root)
    issuing = authority_certificate.of(hierarchy.issuing)
    x509_certificates.check_issued(issuing, root)
    contents = {
        f"{hierarchy.name}-root.pem": _pem(root),
        f"{hierarchy.name}-issuing.pem": _pem(issuing),
        f"{hierarchy.name}-chain.pem": _pem(*([issuing] if issuing == root else [issuing, root])),
    }
    for authority in hierarchy.authorities:
        contents[f"{authority.name}.cer"] = partial(iter, [authority.certificate])
        if authority in verified:
            contents[f"{authority.name}.crl"] = partial(files.pieces, crls.path_of(home, authority))
    if set(hierarchy.authorities) <= set(verified):
        # nginx wants a CRL of every CA of the chain in one file, or it refuses everyone.
        lists = [crls.path_of(home, authority) for authority in hierarchy.authorities]
        contents[f"{hierarchy.name}-crl.pem"] = lambda: (
            piece for path in lists for piece in crl.to_pem(files.pieces(path))
        )
    return contents


def _pem(*links: x509.Certificate) -> Content:
    return lambda: map(x509_certificates.to_pem, links)


def remove_cross_certificates(hierarchy: Hierarchy, by: Iterable[str], folder: Path) -> None:
    """Remove cross-certificates that have ended or were revoked."""
    for other in by:
        (folder / f"{hierarchy.name}-cross-{other}.pem").unlink(missing_ok=True)


def _put_all(folder: Path, contents: Mapping[str, Content], names: Collection[str]) -> None:
    for name, content in contents.items():
        if name in names:
            _put(folder / name, content)


def _put(path: Path, content: Content) -> None:
    """Replace a file if its content differs: else cron would write 180 MB for a million entries.

    The file is read back and compared by check sum; the CRL's signature was verified in the store.
    """
    if files.is_plain(path, files.PUBLIC_FILE) and _holds(path, content()):
        return
    written = 0

    def pieces() -> Iterator[bytes]:
        nonlocal written
        for piece in content():
            written = crc32(piece, written)
            yield piece

    def check(new: Path) -> None:
        found = 0
        for piece in files.pieces(new):
            found = crc32(piece, found)
        if found != written:
            raise Unavailable("{file} differs from the data that was written", file=path.name)

    files.write(path, pieces(), files.PUBLIC_FILE, check=check)


def _holds(path: Path, content: Iterable[bytes]) -> bool:
    """Return whether a file has exactly these bytes."""
    with path.open("rb") as file:
        return all(file.read(len(piece)) == piece for piece in content) and not file.read(1)
