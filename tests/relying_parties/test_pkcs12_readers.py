"""Each exported PKCS#12 opens in five independent readers with its password, and only with it.

What phones accept, these readers cannot tell: they open nearly anything. tests/bundle reads the
ASN.1 against the tables of what devices take.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.shared.programs import must, run
from tests.shared.scene import DEVICES, Device, Scene

from .java_programs import BOUNCY_CASTLE, java

Reader = Callable[[Device, str, Path], bool]
"""Whether the device's file opens with that password and has the device's own certificate."""


def openssl(device: Device, password: str, folder: Path) -> bool:
    opened = run(
        "openssl", "pkcs12", "-in", device.p12, "-passin", "stdin", "-noenc", stdin=password
    )
    if opened.returncode != 0:
        return False
    key = must("openssl", "pkey", "-pubout", stdin=opened.stdout)
    assert key == must("openssl", "x509", "-noout", "-pubkey", stdin=opened.stdout)
    return _has_serial(device, must("openssl", "x509", "-noout", "-serial", stdin=opened.stdout))


def gnutls(device: Device, password: str, folder: Path) -> bool:
    # Asks for the password twice: for the MAC, and for the certificates.
    opened = run(
        "certtool", "--p12-info", "--inder", "--infile", device.p12, stdin=f"{password}\n" * 2
    )
    if opened.returncode != 0 or "BEGIN CERTIFICATE" not in opened.stdout:
        return False
    # It shows the key as it lies in the file: encrypted.
    for name in ("ENCRYPTED PRIVATE KEY", "CERTIFICATE"):
        begin = opened.stdout.index(f"-----BEGIN {name}")
        (folder / name).write_text(opened.stdout[begin:])
    opened_key = ("certtool", "--pubkey-info", "--load-privkey", folder / "ENCRYPTED PRIVATE KEY")
    leaf = folder / "CERTIFICATE"
    of_key = must(*opened_key, stdin=f"{password}\n")
    of_leaf = must("certtool", "--pubkey-info", "--load-certificate", leaf)
    assert of_key[of_key.index("-----BEGIN") :] == of_leaf[of_leaf.index("-----BEGIN") :]
    return _has_serial(device, must("openssl", "x509", "-noout", "-serial", "-in", leaf))


def nss(device: Device, password: str, folder: Path) -> bool:
    database = f"sql:{folder}"
    must("certutil", "-N", "-d", database, "--empty-password")
    secret = folder / "password"
    secret.write_text(password)
    if run("pk12util", "-i", device.p12, "-d", database, "-w", secret).returncode != 0:
        return False
    # A key without its certificate would be listed as "orphan".
    assert "suzuki" in must("certutil", "-K", "-d", database)
    shown = must("certutil", "-L", "-d", database, "-n", "見本市 suzuki", "-a")
    return _has_serial(device, must("openssl", "x509", "-noout", "-serial", stdin=shown))


def java_keystore(device: Device, password: str, folder: Path) -> bool:
    return _java("SunJSSE", device, password)


def bouncy_castle(device: Device, password: str, folder: Path) -> bool:
    return _java("BC", device, password)


def _java(provider: str, device: Device, password: str) -> bool:
    opened = java("OpenPkcs12", provider, device.p12, stdin=f"{password}\n")
    if opened.returncode != 0:
        # Any other exception would be a fault of the test's own.
        assert "java.io.IOException" in opened.stderr, opened.stderr
        return False
    return _has_serial(device, opened.stdout.split()[0])


def _has_serial(device: Device, shown: str) -> bool:
    return int(shown.strip().removeprefix("serial="), 16) == device.serial


READERS = [
    pytest.param(openssl, marks=pytest.mark.needs("openssl")),
    pytest.param(gnutls, marks=pytest.mark.needs("certtool", "openssl")),
    pytest.param(nss, marks=pytest.mark.needs("certutil", "pk12util", "openssl")),
    pytest.param(java_keystore, marks=pytest.mark.needs("javac", BOUNCY_CASTLE)),
    pytest.param(bouncy_castle, marks=pytest.mark.needs("javac", BOUNCY_CASTLE)),
]


@pytest.mark.parametrize("kind", DEVICES)
@pytest.mark.parametrize("opens", READERS)
def test_it_opens_with_its_password(opens: Reader, kind: str, scene: Scene, tmp_path: Path) -> None:
    device = scene.fresh[kind]
    assert opens(device, device.password, tmp_path)


@pytest.mark.parametrize("kind", ["android", "tablet"], ids=["compat", "modern"])
@pytest.mark.parametrize("wrong", ["", "35gv-2u3r-cg95"], ids=["without", "wrong"])
@pytest.mark.parametrize("opens", READERS)
def test_it_does_not_open_without_its_password(
    opens: Reader, wrong: str, kind: str, scene: Scene, tmp_path: Path
) -> None:
    assert not opens(scene.fresh[kind], wrong, tmp_path)


@pytest.mark.needs("keytool")
@pytest.mark.parametrize("kind", DEVICES)
def test_keytool_lists_one_private_key(kind: str, scene: Scene) -> None:
    device = scene.fresh[kind]
    shown = must("keytool", "-list", "-keystore", device.p12, stdin=f"{device.password}\n")
    assert shown.count("PrivateKeyEntry") == 1
