"""A workspace in which every signature is recorded and compared with the records of the store."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from asn1crypto import core, crl, x509

from tests.shared.runner import Workspace

_SEQUENCE = 0x30


class RecordedWorkspace(Workspace):
    """The same, with `recording/sitecustomize.py` in each Python process."""

    @property
    def log(self) -> Path:
        """A line in hex for all that was signed; beside the folder, not among what is checked."""
        return self.folder.parent / f"signed-in-{self.folder.name}"

    def variables(self) -> Mapping[str, str]:
        return {
            "PYTHONPATH": str(Path(__file__).parent / "recording"),
            "RCA_SIGNING_LOG": str(self.log),
        }

    def signed(self) -> list[bytes]:
        """What was handed to a CA's key: certificates and lists, in the order of signing."""
        if not self.log.exists():
            return []
        lines = self.log.read_text().splitlines()
        return [data for data in map(bytes.fromhex, lines) if data[:1] == bytes((_SEQUENCE,))]

    def check_signatures(self) -> None:
        """Nothing was signed that the store does not know, and no list's number twice.

        What a CA has signed that never came to be, a root and its key among it, counts for nobody.
        """
        with closing(sqlite3.connect(self.home / "ca-store" / "rca.sqlite")) as database:
            known = {
                int(serial, 16)
                for table in ("certificate", "responder", "ca_certificate")
                for (serial,) in database.execute(f"SELECT serial FROM {table}")
            }
            authorities = {
                x509.Certificate.load(der): number
                for der, number in database.execute("SELECT certificate, crl_number FROM authority")
            }
        known |= {certificate.serial_number for certificate in authorities}
        newest = {each.key_identifier: number for each, number in authorities.items()}
        lists: dict[tuple[bytes, int], bytes] = {}
        for tbs in self.signed():
            if _is_list(tbs):
                issuer, number = _list(tbs)
                assert lists.setdefault((issuer, number), tbs) == tbs, number
                assert number <= newest.get(issuer, number)
            else:
                issuer, serial = _certificate(tbs)
                assert issuer not in newest or serial in known, f"nobody knows {serial:x}"


def _is_list(tbs: bytes) -> bool:
    """TBSCertList begins with an INTEGER, TBSCertificate with [0] (RFC 5280 §§5.1, 4.1)."""
    first: int = core.Sequence.load(tbs).contents[0]
    return bool(first == core.Integer.tag)


def _list(tbs: bytes) -> tuple[bytes, int]:
    """Whose key signs a list, and its number."""
    extensions = _extensions(crl.TbsCertList.load(tbs)["crl_extensions"])
    return _issuer(extensions), extensions["crl_number"].native


def _certificate(tbs: bytes) -> tuple[bytes, int]:
    """Whose key signs a certificate, and its serial number."""
    certificate = x509.TbsCertificate.load(tbs)
    return _issuer(_extensions(certificate["extensions"])), certificate["serial_number"].native


def _issuer(extensions: dict[str, Any]) -> bytes:
    if "authority_key_identifier" not in extensions:  # a root's own certificate
        return b""
    identifier: bytes = extensions["authority_key_identifier"]["key_identifier"].native
    return identifier


def _extensions(extensions: core.SequenceOf) -> dict[str, Any]:
    return {each["extn_id"].native: each["extn_value"].parsed for each in extensions}
