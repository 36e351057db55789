"""A home for the tests of services, a clock to set, and outside readers of what was made."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from asn1crypto import crl as asn1_crl
from asn1crypto import pem
from asn1crypto import x509 as asn1_x509

from renrakucho_ca.clock import Randomness, system_randomness
from renrakucho_ca.errors import RcaError, Unavailable
from renrakucho_ca.model import Certificate, RetrievalNumber, User
from renrakucho_ca.service.hierarchy import creation
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance import issuance
from renrakucho_ca.service.issuance.issuer import Issued
from renrakucho_ca.service.issuance.planner import IssuanceRequest
from renrakucho_ca.store import files
from renrakucho_ca.store.keystore.sealing import KeyDerivation
from renrakucho_ca.store.tables import certificates

BEGIN = datetime(2026, 2, 2, 3, 4, 5, tzinfo=UTC)
PASSPHRASE = b"correct horse battery staple"
Issue = Callable[..., Issued]
"""Issues a certificate without the command line: the type of the fixtures of that name."""

HANAKO = User("hanako", "佐藤 花子", facility="見本訪問看護", network="見本市")


class Clock:
    """Stands still until it is set."""

    def __init__(self, now: datetime = BEGIN) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


class Died(BaseException):
    """The process ends here. Nothing of ours catches it."""


class DyingRandomness:
    """The system's, until the process dies at the call of that number."""

    def __init__(self, calls_to_live: int) -> None:
        self._left = calls_to_live

    def __call__(self, length: int) -> bytes:
        if self._left == 0:
            raise Died
        self._left -= 1
        return system_randomness(length)


def open_home(
    path: Path,
    clock: Callable[[], datetime],
    random: Randomness = system_randomness,
    passphrase: bytes = PASSPHRASE,
) -> Home:
    """A home as another process would open it."""
    return Home(path, lambda is_new: passphrase, clock, random)


def no_passphrase(_: bool) -> bytes:
    """For a home of which nobody may ask the passphrase."""
    raise Unavailable("the passphrase was asked for")


def make_home(
    path: Path,
    clock: Callable[[], datetime] | None = None,
    *,
    hierarchies: Sequence[str] = ("old", "new"),
    passphrase: bytes = PASSPHRASE,
    network: str = "見本市",
    organization: str = "見本市役所",
) -> Home:
    """Makes a home with hierarchies, and opens it.

    Its scrypt parameters are the cheapest that rca accepts: with its own each command takes 0.2 s.
    """
    home = open_home(path, clock or Clock(), passphrase=passphrase)
    home.create(network, organization)
    cheap = KeyDerivation(b"sixteen octets  ", n=2**14)
    reveal_key = home.keystore._seal("reveal", system_randomness(32), cheap)
    files.write(home.store / "keys" / "reveal.key", reveal_key)
    for name in hierarchies:
        creation.create(home, name, common_name=f"{name}.ecn.example.jp")
    return home


def copy_home(template: Path, path: Path, clock: Clock) -> Home:
    shutil.copytree(template, path)
    return open_home(path, clock)


def configure(home: Home, text: str) -> None:
    """Adds to the settings; before they are read."""
    file = home.path / "rca.yaml"
    names = {line.partition(":")[0] for line in text.splitlines() if not line.startswith(" ")}
    kept, skipping = [], False
    for line in file.read_text().splitlines():
        skipping = line.partition(":")[0] in names or (skipping and line.startswith(" "))
        if not skipping:
            kept.append(line)
    file.write_text("\n".join([*kept, text]) + "\n")


def issue(
    home: Home,
    device: str = "windows",
    hierarchy: str | None = None,
    user: User = HANAKO,
    supersedes: RetrievalNumber | None = None,
) -> Issued:
    """One certificate; raises where it is refused."""
    request = IssuanceRequest(user, device, supersedes=supersedes)
    (result,) = issuance.issue(home, [request], hierarchy)
    if isinstance(result, RcaError):
        raise result
    return result


def record_of(home: Home, number: str) -> Certificate:
    return certificates.get(home.db, RetrievalNumber(number))


# -- read by others than ourselves


def read_certificate(home: Home, number: RetrievalNumber) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificates.der(home.db, number), strict=True)


def rows(home: Home, sql: str) -> list[tuple[object, ...]]:
    """Straight from the file, past all our code."""
    connection = sqlite3.connect(home.store / "rca.sqlite")
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


class PublishedCrl:
    """A CRL as a server finds it."""

    def __init__(self, path: Path) -> None:
        self.der = path.read_bytes()
        parsed = asn1_crl.CertificateList.load(self.der, strict=True)
        self._list = parsed["tbs_cert_list"]

    @property
    def number(self) -> int:
        number: int = self._extension("crl_number")
        return number

    @property
    def this_update(self) -> datetime:
        moment: datetime = self._list["this_update"].native
        return moment

    @property
    def next_update(self) -> datetime:
        moment: datetime = self._list["next_update"].native
        return moment

    @property
    def revoked(self) -> dict[int, str]:
        """Serial numbers and reasons."""
        return {
            entry["user_certificate"].native: entry.crl_reason_value.native
            if entry.crl_reason_value is not None
            else "unspecified"
            for entry in self._list["revoked_certificates"]
        }

    def _extension(self, name: str) -> int:
        (found,) = [
            each["extn_value"].parsed.native
            for each in self._list["crl_extensions"]
            if each["extn_id"].native == name
        ]
        value: int = found
        return value


def published(home: Home, name: str = "new-issuing") -> PublishedCrl:
    return PublishedCrl(home.public / f"{name}.crl")


def pem_blocks(text: bytes) -> Iterator[tuple[str, bytes]]:
    for kind, _, der in pem.unarmor(text, multiple=True):
        yield kind, der


def openssl(*arguments: str | Path, given: bytes = b"") -> str:
    """What OpenSSL says; raises where it does not agree."""
    command = ["openssl", *map(str, arguments)]
    done = subprocess.run(command, input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode(errors="replace")
