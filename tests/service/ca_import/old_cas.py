"""Old CAs made by OpenSSL itself, or by the thousand by the library, and a home to take them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from asn1crypto import crl as asn1_crl
from asn1crypto import pem
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from renrakucho_ca.errors import RcaError
from renrakucho_ca.model import UNKNOWN, Certificate
from renrakucho_ca.service.ca_import import import_ca
from renrakucho_ca.service.ca_import.authorities import CaFiles
from renrakucho_ca.service.ca_import.session import ImportSummary, PassedOver, Report
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.publication import publication
from renrakucho_ca.store.tables import listing

NOW = datetime(2026, 3, 1, tzinfo=UTC)

CONFIG = """\
[ca]
default_ca = old
[old]
dir = {folder}
database = $dir/index.txt
new_certs_dir = $dir/newcerts
serial = $dir/serial
certificate = $dir/cacert.pem
private_key = $dir/cakey.pem
default_md = sha256
default_days = 3650
default_crl_days = 30
policy = any
unique_subject = no
crlnumber = $dir/crlnumber
crl_extensions = crl_ext
[any]
countryName = optional
organizationName = optional
commonName = supplied
[crl_ext]
authorityKeyIdentifier = keyid
"""


def run(*command: str | Path, **environment: str) -> bytes:
    """A program that must succeed."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, env=os.environ | environment
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


@dataclass
class OpensslCa:
    """An OpenSSL `ca`: demoCA's layout."""

    folder: Path
    subject: str = "/CN=Old CA"
    key: tuple[str, ...] = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")

    def __post_init__(self) -> None:
        (self.folder / "newcerts").mkdir(parents=True)
        (self.folder / "index.txt").touch()
        (self.folder / "serial").write_text("01\n")
        (self.folder / "crlnumber").write_text("1F\n")
        (self.folder / "openssl.cnf").write_text(CONFIG.format(folder=self.folder))
        run(
            *("openssl", "req", "-x509", "-nodes", *self.key),
            *("-keyout", self.private_key, "-out", self.certificate),
            *("-utf8", "-subj", self.subject, "-days", "7300"),
        )
        run(
            *("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout"),
            *("-out", self.folder / "device.key"),
        )

    @property
    def certificate(self) -> Path:
        return self.folder / "cacert.pem"

    @property
    def private_key(self) -> Path:
        return self.folder / "cakey.pem"

    @property
    def index(self) -> Path:
        return self.folder / "index.txt"

    def ca(self, *arguments: str | Path) -> None:
        run("openssl", "ca", "-batch", "-config", self.folder / "openssl.cnf", *arguments)

    def issue(self, subject: str, *arguments: str) -> Path:
        """Issues one; returns the file in newcerts."""
        request = self.folder / "request.pem"
        run(
            *("openssl", "req", "-new", "-utf8", "-subj", subject),
            *("-key", self.folder / "device.key", "-out", request),
        )
        serial = (self.folder / "serial").read_text().strip()
        self.ca("-in", request, "-notext", "-utf8", "-out", os.devnull, *arguments)
        return self.folder / "newcerts" / f"{serial}.pem"

    def revoke(self, certificate: Path, *arguments: str) -> None:
        self.ca("-revoke", certificate, *arguments)

    def crl(self) -> Path:
        self.ca("-gencrl", "-out", self.folder / "crl.pem")
        return self.folder / "crl.pem"


@dataclass
class Imported:
    summary: ImportSummary
    problems: list[str]


class Old:
    """A home into which CAs are imported."""

    def __init__(self, home: Home) -> None:
        self.home = home

    def take(
        self,
        name: str,
        ca: CaFiles | Path,
        *,
        paths: Sequence[Path] = (),
        records: Path | None = None,
        device: str = UNKNOWN,
        passed_over: PassedOver = lambda file, kind: None,
        report: Report = lambda problem: None,
    ) -> Imported:
        problems: list[RcaError] = []

        def note(problem: RcaError) -> None:
            problems.append(problem)
            report(problem)

        files = CaFiles(root=ca.read_bytes()) if isinstance(ca, Path) else ca
        options = import_ca.ImportOptions(files, paths, records, device)
        summary = import_ca.import_ca(self.home, name, options, note, passed_over)
        assert summary.reported == len(problems)
        return Imported(summary, [str(problem) for problem in problems])

    def records(self, hierarchy: str) -> list[Certificate]:
        query = listing.ListQuery(now=NOW, hierarchy=hierarchy)
        return list(listing.stream(self.home.db, query))

    def by_user(self, hierarchy: str) -> dict[str, Certificate]:
        return {record.user.id: record for record in self.records(hierarchy)}


def bundle(path: Path, ca: bytes, ca_key: bytes, count: int) -> None:
    """Writes a PEM bundle with the serial numbers from 1 on."""
    issuer = x509.load_pem_x509_certificate(ca).subject
    key = serialization.load_pem_private_key(ca_key, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    public_key = ec.generate_private_key(ec.SECP256R1()).public_key()
    with path.open("wb") as file:
        for serial in range(1, count + 1):
            name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"user{serial}")])
            made = (
                x509.CertificateBuilder()
                .subject_name(name)
                .issuer_name(issuer)
                .public_key(public_key)
                .serial_number(serial)
                .not_valid_before(datetime(2025, 1, 1, tzinfo=UTC))
                .not_valid_after(datetime(2035, 1, 1, tzinfo=UTC))
                .sign(key, hashes.SHA256())
            )
            file.write(made.public_bytes(serialization.Encoding.PEM))


MakeCa = Callable[..., OpensslCa]


def parsed(path: Path) -> asn1_x509.Certificate:
    data = path.read_bytes()
    if pem.detect(data):
        _, _, data = pem.unarmor(data[data.index(b"-----BEGIN") :])
    return asn1_x509.Certificate.load(data)


def published_crl(old: Old, name: str, tmp_path: Path) -> asn1_crl.CertificateList:
    publication.publish(old.home, out=tmp_path / "public")
    return asn1_crl.CertificateList.load((tmp_path / "public" / f"{name}-root.crl").read_bytes())


def revoked_in(crl: asn1_crl.CertificateList) -> dict[int, str | None]:
    entries = crl["tbs_cert_list"]["revoked_certificates"]
    return {
        entry["user_certificate"].native: entry.crl_reason_value and entry.crl_reason_value.native
        for entry in entries
    }
