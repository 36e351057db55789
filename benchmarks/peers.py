"""What operators had before: OpenSSL's `ca` and Easy-RSA in a loop, one certificate at a time."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from benchmarks.measure import Run, Sample

_CONFIG = """\
[ca]
default_ca = peer
[peer]
dir = {folder}
database = $dir/index.txt
new_certs_dir = $dir/newcerts
rand_serial = yes
certificate = $dir/ca.pem
private_key = $dir/ca.key
default_md = sha384
default_days = 3652
policy = any
unique_subject = no
x509_extensions = client
[any]
commonName = supplied
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


def openssl(folder: Path, count: int, before: int) -> Run:
    """`req` with a fresh key, `ca`, `pkcs12` with a password; so many are in the index before."""
    ca = folder / f"openssl-{before}"
    _make_openssl_ca(ca, before)

    def run() -> Sample:
        start = time.perf_counter()
        for number in range(count):
            name = ca / str(number)
            _quiet(
                *("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
                *("-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr"),
                *("-subj", f"/CN=user {number}"),
            )
            _quiet(
                *("openssl", "ca", "-batch", "-notext", "-config", str(ca / "openssl.cnf")),
                *("-in", f"{name}.csr", "-out", f"{name}.pem"),
            )
            _quiet(
                *("openssl", "pkcs12", "-export", "-inkey", f"{name}.key", "-in", f"{name}.pem"),
                *("-certfile", str(ca / "ca.pem"), "-passout", "pass:abcd-efgh-jkmn"),
                *("-out", f"{name}.p12"),
            )
        return Sample(time.perf_counter() - start)

    return run


def _make_openssl_ca(ca: Path, before: int) -> None:
    (ca / "newcerts").mkdir(parents=True)
    (ca / "openssl.cnf").write_text(_CONFIG.format(folder=ca))
    _quiet(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"),
        *("-nodes", "-keyout", str(ca / "ca.key"), "-out", str(ca / "ca.pem")),
        *("-subj", "/CN=Peer CA", "-days", "7300"),
    )
    with (ca / "index.txt").open("w") as index:
        for number in range(before):
            index.write(f"V\t360101000000Z\t\t{number + 2**127:X}\tunknown\t/CN=old {number}\n")


def easy_rsa(folder: Path, count: int, _before: int) -> Run:
    """`build-client-full` and `export-p12`."""
    pki = folder / "easy-rsa"
    environment = {
        "EASYRSA_PKI": str(pki),
        "EASYRSA_BATCH": "1",
        "EASYRSA_ALGO": "ec",
        "EASYRSA_CURVE": "prime256v1",
        "EASYRSA_PASSOUT": "pass:abcd-efgh-jkmn",
    }

    def run() -> Sample:
        shutil.rmtree(pki, ignore_errors=True)
        _easy_rsa("init-pki", environment=environment)
        _easy_rsa("build-ca", "nopass", environment=environment | {"EASYRSA_REQ_CN": "Peer CA"})
        start = time.perf_counter()
        for number in range(count):
            _easy_rsa("build-client-full", f"user{number}", "nopass", environment=environment)
            _easy_rsa("export-p12", f"user{number}", environment=environment)
        return Sample(time.perf_counter() - start)

    return run


def _easy_rsa(*arguments: str, environment: dict[str, str]) -> None:
    _quiet("/usr/share/easy-rsa/easyrsa", *arguments, environment=environment)


def _quiet(*command: str, environment: dict[str, str] | None = None) -> None:
    subprocess.run(
        command, check=True, capture_output=True, env=os.environ | (environment or {}), input=b""
    )
