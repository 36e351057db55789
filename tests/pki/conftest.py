"""Keys are made once for all tests of `pki`: RSA keys cost most of the time."""

from __future__ import annotations

import pytest

from renrakucho_ca.model import KeyAlgorithm
from renrakucho_ca.pki.keys import generate

from .hierarchies import SampleHierarchy, make


@pytest.fixture(scope="session")
def ec_made() -> SampleHierarchy:
    root, issuing = generate(KeyAlgorithm.EC_P384), generate(KeyAlgorithm.EC_P384)
    return make(root, issuing, generate(KeyAlgorithm.EC_P256).public_key())


@pytest.fixture(scope="session")
def rsa_made() -> SampleHierarchy:
    root, issuing = generate(KeyAlgorithm.RSA_2048), generate(KeyAlgorithm.RSA_2048)
    return make(root, issuing, generate(KeyAlgorithm.RSA_2048).public_key())


@pytest.fixture(scope="session", params=["ec", "rsa"])
def made(
    request: pytest.FixtureRequest, ec_made: SampleHierarchy, rsa_made: SampleHierarchy
) -> SampleHierarchy:
    return ec_made if request.param == "ec" else rsa_made
