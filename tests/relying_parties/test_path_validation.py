"""Four implementations of RFC 5280 §6 agree on who may log in, knowing what `publish` wrote."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.shared.programs import must, run
from tests.shared.scene import HIERARCHIES, Device, Scene

from .java_programs import BOUNCY_CASTLE, java

CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"
"""id-kp-clientAuth (RFC 5280 §4.2.1.12)."""

Judge = Callable[[Path, str, Device, Path], bool]
"""Whether a server that trusts this hierarchy of this `public` folder accepts the device."""


def openssl(public: Path, trusted: str, device: Device, folder: Path) -> bool:
    return _answer(
        run(
            *("openssl", "verify", "-x509_strict", "-crl_check_all", "-purpose", "sslclient"),
            *("-no-CApath", "-no-CAstore"),
            *("-CAfile", public / f"{trusted}-root.pem"),
            *("-CRLfile", public / f"{trusted}-crl.pem"),
            *("-untrusted", public / f"{device.hierarchy}-issuing.pem"),
            device.leaf,
        ).returncode,
        no=2,
    )


def gnutls(public: Path, trusted: str, device: Device, folder: Path) -> bool:
    chain = folder / "chain.pem"
    issuing = public / f"{device.hierarchy}-issuing.pem"
    chain.write_bytes(device.leaf.read_bytes() + issuing.read_bytes())
    return _answer(
        run(
            *("certtool", "--verify", "--verify-profile", "medium"),
            *("--verify-purpose", CLIENT_AUTH),
            *("--load-ca-certificate", public / f"{trusted}-root.pem"),
            *("--load-crl", public / f"{trusted}-crl.pem"),
            *("--infile", chain),
        ).returncode,
        no=1,
    )


def nss(public: Path, trusted: str, device: Device, folder: Path) -> bool:
    database = f"sql:{folder}"
    must("certutil", "-N", "-d", database, "--empty-password")

    def add(name: str, trust: str) -> None:
        must(
            "certutil", "-A", "-d", database, "-n", name, "-t", trust, "-i", public / f"{name}.pem"
        )

    add(f"{trusted}-root", "T,,")
    add(f"{device.hierarchy}-issuing", ",,")
    if device.hierarchy == trusted:
        for tier in ("root", "issuing"):
            must("crlutil", "-I", "-d", database, "-t", "1", "-i", public / f"{trusted}-{tier}.crl")
    demand = ("-g", "leaf", "-h", "requireFreshInfo", "-m", "crl", "-s", "failIfNoInfo")
    return _answer(
        run("vfychain", "-d", database, "-u", "0", "-pp", *demand, "-a", device.leaf).returncode,
        no=1,
    )


def java_pkix(public: Path, trusted: str, device: Device, folder: Path) -> bool:
    validated = java(
        "ValidatePath",
        public / f"{trusted}-root.pem",
        public / f"{trusted}-crl.pem",
        device.leaf,
        public / f"{device.hierarchy}-issuing.pem",
    )
    assert not validated.stderr, validated.stderr
    return _answer(validated.returncode, no=1)


def _answer(code: int, no: int) -> bool:
    """A program that could not do its work has said neither yes nor no."""
    assert code in (0, no)
    return code == 0


judges = pytest.mark.parametrize(
    "accepts",
    [
        pytest.param(openssl, marks=pytest.mark.needs("openssl")),
        pytest.param(gnutls, marks=pytest.mark.needs("certtool")),
        pytest.param(nss, marks=pytest.mark.needs("certutil", "crlutil", "vfychain")),
        pytest.param(java_pkix, marks=pytest.mark.needs("javac", BOUNCY_CASTLE)),
    ],
)
hierarchies = pytest.mark.parametrize("hierarchy", HIERARCHIES)


@judges
@hierarchies
@pytest.mark.parametrize("state", ["good", "released"])
def test_a_live_certificate_is_accepted(
    accepts: Judge, hierarchy: str, state: str, scene: Scene, tmp_path: Path
) -> None:
    device = scene.by_state[f"{hierarchy} {state}"]
    assert accepts(scene.network.public, hierarchy, device, tmp_path)


@judges
@hierarchies
@pytest.mark.parametrize("state", ["revoked", "held", "expired"])
def test_one_that_is_not_live_is_refused(
    accepts: Judge, hierarchy: str, state: str, scene: Scene, tmp_path: Path
) -> None:
    device = scene.by_state[f"{hierarchy} {state}"]
    assert not accepts(scene.network.public, hierarchy, device, tmp_path)


@judges
@pytest.mark.parametrize(("hierarchy", "trusted"), [("old", "new"), ("new", "old")])
def test_one_of_the_other_hierarchy_is_refused(
    accepts: Judge, hierarchy: str, trusted: str, scene: Scene, tmp_path: Path
) -> None:
    device = scene.by_state[f"{hierarchy} good"]
    assert not accepts(scene.network.public, trusted, device, tmp_path)


@judges
@pytest.mark.parametrize("kind", ["windows", "iphone", "tablet"])
def test_every_kind_of_device_is_accepted(
    accepts: Judge, kind: str, scene: Scene, tmp_path: Path
) -> None:
    assert accepts(scene.network.public, "new", scene.fresh[kind], tmp_path)
