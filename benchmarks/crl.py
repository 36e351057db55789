"""CRLs by size: `rca publish` and the signing in it, against `openssl ca -gencrl`."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from benchmarks import synthetic
from benchmarks.measure import RCA, Run, Sample, heading, in_turn, line, process
from benchmarks.synthetic import Stock
from renrakucho_ca.pki import keys, x509_certificates
from renrakucho_ca.service.ca import crls
from renrakucho_ca.service.ca.ca_keys import ca_key
from renrakucho_ca.store.tables import hierarchies

SIZES = (1, 10_000, 100_000, 1_000_000)
AIM = "≤ 1/12"
LARGEST = 1_000_000
MEMORY = "≤ 120 MiB"

_CONFIG = """\
[ca]
default_ca = new
[new]
database = {folder}/index.txt
certificate = {folder}/ca.pem
private_key = {folder}/ca.key
crlnumber = {folder}/crlnumber
default_md = sha384
default_crl_days = 14
crl_extensions = extensions
[extensions]
authorityKeyIdentifier = keyid
"""


def measure(folder: Path, largest: int, rounds: int) -> None:
    """The aim is for the largest: below 100,000 the start of a process is most of the time."""
    heading("A CRL: signing it into the store, and all of `rca publish`", "openssl ca")
    for size in (size for size in SIZES if size <= largest):
        home = synthetic.home(folder, size, Stock.REVOKED)
        _answer_unsigned(home)
        publish = process(
            *(RCA, "--home", str(home), "--passphrase-file", str(home / "passphrase"), "publish")
        )
        openssl, signing, whole = in_turn(
            (_openssl(home), _signing(home), publish), min(rounds, 3 if size > 100_000 else rounds)
        )
        for what, run in (("signing", signing), ("rca publish", whole)):
            memory = f"{run.mebibytes:,.0f} MiB, openssl {openssl.mebibytes:,.0f}"
            line(
                f"{size:,} entries: {what}",
                openssl.seconds * 1000,
                run.seconds * 1000,
                AIM if size >= LARGEST or (what == "signing" and size >= 10_000) else "",
                f"{memory} ({MEMORY})" if run.mebibytes else "",
            )


def _answer_unsigned(home: Path) -> None:
    """`openssl ca` signs no OCSP responses either."""
    file = home / "rca.yaml"
    file.write_text(file.read_text().replace("sign_ahead: true", "sign_ahead: false"))


def _signing(home: Path) -> Run:
    """In this process, with the key unlocked: from the database to a proven file."""
    opened = synthetic.opened(home)
    hierarchy = hierarchies.get(opened.db, "new")
    key = ca_key(opened, hierarchy.issuing)
    assert isinstance(key, keys.MemoryKey)

    def run() -> Sample:
        start = time.perf_counter()
        crls.renew(opened, hierarchy, hierarchy.issuing, key, opened.clock())
        return Sample(time.perf_counter() - start)

    return run


def _openssl(home: Path) -> Run:
    """The same CA and the same entries, as `openssl ca` keeps them."""
    folder = home / "openssl"
    if not folder.exists():
        folder.mkdir(mode=0o700)
        opened = synthetic.opened(home)
        issuing = hierarchies.get(opened.db, "new").issuing
        key = ca_key(opened, issuing)
        assert isinstance(key, keys.MemoryKey)
        (folder / "ca.key").write_bytes(keys.to_pkcs8(key.private))
        (folder / "ca.pem").write_bytes(
            x509_certificates.to_pem(x509_certificates.load(issuing.certificate))
        )
        (folder / "crlnumber").write_text("01\n")
        (folder / "openssl.cnf").write_text(_CONFIG.format(folder=folder))
        _write_index(home, folder / "index.txt")
    return process(
        *("openssl", "ca", "-config", str(folder / "openssl.cnf"), "-gencrl"),
        *("-keyform", "DER", "-out", str(folder / "crl.pem")),
    )


def _write_index(home: Path, path: Path) -> None:
    with closing(sqlite3.connect(home / "ca-store" / "rca.sqlite")) as db, path.open("w") as file:
        rows = db.execute(
            """SELECT substr(strftime('%Y%m%d%H%M%SZ', not_after, 'unixepoch'), 3),
                      substr(strftime('%Y%m%d%H%M%SZ', revoked_at, 'unixepoch'), 3),
                      upper(serial), number FROM certificate"""
        )
        for end, revoked, serial, number in rows:
            file.write(f"R\t{end}\t{revoked},keyCompromise\t{serial}\tunknown\t/CN={number}\n")
