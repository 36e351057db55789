"""Keys are made once for all tests of `pki`: RSA keys cost most of the time."""

from __future__ import annotations

import pytest

from renrakucho_ca.model import KeyAlgorithm
from renrakucho_ca.pki.keys import generate

from .hierarchies import Made, make


@pytest.fixture(scope="session")
def ec_made() -> Made:
    root, issuing = generate(KeyAlgorithm.EC_P384), generate(KeyAlgorithm.EC_P384)
    return make(root, issuing, generate(KeyAlgorithm.EC_P256).public_key())


@pytest.fixture(scope="session")
def rsa_made() -> Made:
    root, issuing = generate(KeyAlgorithm.RSA_2048), generate(KeyAlgorithm.RSA_2048)
    return make(root, issuing, generate(KeyAlgorithm.RSA_2048).public_key())


@pytest.fixture(scope="session", params=["ec", "rsa"])
def made(request: pytest.FixtureRequest, ec_made: Made, rsa_made: Made) -> Made:
    return ec_made if request.param == "ec" else rsa_made
