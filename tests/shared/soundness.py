"""What must hold of a home whatever has happened to it."""

from __future__ import annotations

import sqlite3
import subprocess
from pathlib import Path

from tests.shared.recorded import RecordedWorkspace
from tests.shared.runner import CANARY, Workspace

# A private key in the clear: PKCS#8's AlgorithmIdentifier and then an OCTET STRING (RFC 5208 §5);
# in a certificate, the same algorithm is followed by a BIT STRING.
_PRIVATE = {
    "P-256": bytes.fromhex("06072a8648ce3d020106082a8648ce3d03010704"),
    "P-384": bytes.fromhex("06072a8648ce3d020106052b8104002204"),
    "RSA": bytes.fromhex("06092a864886f70d010101050004"),
    "PEM": b"PRIVATE KEY-----",
}


def files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def check_secrets(rca: Workspace, *secrets: str) -> None:
    """No private key lies in the clear, and no secret where it does not belong."""
    for path in files(rca.folder):
        content = path.read_bytes()
        for kind, pattern in _PRIVATE.items():
            assert pattern not in content, (path, kind)
        for secret in (CANARY, *secrets):
            assert path == rca.passphrase or secret.encode() not in content, (path, secret)


def opens(file: Path, password: str) -> bool:
    """Whether OpenSSL finds key and certificate in a .p12 with that password."""
    options = ["-legacy", "-passin", f"pass:{password}", "-nodes", "-out", "/dev/null"]
    return subprocess.run(["openssl", "pkcs12", "-in", file, *options]).returncode == 0


def check_database(rca: Workspace) -> None:
    database = sqlite3.connect(rca.home / "ca-store" / "rca.sqlite")
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    database.close()


def check_settled(rca: Workspace) -> None:
    """Nothing half-done is left: no intent, no journal, no temporary file; all that was signed is
    known."""
    check_database(rca)
    if isinstance(rca, RecordedWorkspace):
        rca.check_signatures()
    database = sqlite3.connect(rca.home / "ca-store" / "rca.sqlite")
    assert database.execute("SELECT count(*) FROM intent").fetchone() == (0,)
    database.close()
    left = [path for path in rca.folder.rglob("*") if path.name.endswith((".tmp", "-journal"))]
    assert left == []
