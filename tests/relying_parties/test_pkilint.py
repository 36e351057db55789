"""pkilint, which knows RFC 5280 and the profiles of CRLs, has nothing to notice in what is made."""

from __future__ import annotations

from pathlib import Path

import pytest
from pkilint.bin import lint_crl, lint_pkix_cert, lint_pkix_signer_signee_cert_chain

from tests.shared.scene import DEVICES, HIERARCHIES, Scene

LEAST = ("-s", "NOTICE")


@pytest.mark.parametrize("hierarchy", HIERARCHIES)
@pytest.mark.parametrize("tier", ["root", "issuing"])
def test_a_ca(hierarchy: str, tier: str, scene: Scene) -> None:
    lint_certificate(scene.network.public / f"{hierarchy}-{tier}.pem")


@pytest.mark.parametrize("tier", ["root", "issuing"])
def test_a_ca_that_names_its_public_address(tier: str, scene: Scene) -> None:
    lint_certificate(scene.addressed.public / f"new-{tier}.pem")


@pytest.mark.parametrize("kind", DEVICES)
def test_a_device(kind: str, scene: Scene) -> None:
    leaf = scene.fresh[kind].leaf
    lint_certificate(leaf)
    lint_pair(scene.network.public / "new-issuing.pem", leaf)


@pytest.mark.parametrize("hierarchy", HIERARCHIES)
def test_an_issuing_ca_fits_its_root(hierarchy: str, scene: Scene) -> None:
    public = scene.network.public
    lint_pair(public / f"{hierarchy}-root.pem", public / f"{hierarchy}-issuing.pem")


@pytest.mark.parametrize("hierarchy", HIERARCHIES)
@pytest.mark.parametrize("tier", ["root", "issuing"])
def test_a_published_crl(hierarchy: str, tier: str, scene: Scene) -> None:
    path = scene.network.public / f"{hierarchy}-{tier}.crl"
    assert lint_crl.main(["lint", "-t", "CRL", "-p", "PKIX", *LEAST, str(path)]) == 0


def lint_certificate(path: Path) -> None:
    assert lint_pkix_cert.main(["lint", *LEAST, str(path)]) == 0


def lint_pair(issuer: Path, subject: Path) -> None:
    assert lint_pkix_signer_signee_cert_chain.main(["lint", *LEAST, str(issuer), str(subject)]) == 0
