"""A root, an issuing CA and leaves of both kinds of key, made once for all tests of bundles."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from .identities import Identity, make_identity


@pytest.fixture(scope="session")
def root() -> Identity:
    return make_identity("ecn.example.jp", ec.generate_private_key(ec.SECP256R1()), None, ca=True)


@pytest.fixture(scope="session")
def issuing(root: Identity) -> Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    return make_identity("発行 CA <1> & Co", key, root, ca=True)


@pytest.fixture(scope="session")
def ec_leaf(issuing: Identity) -> Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    return make_identity("訪問看護 一郎", key, issuing, ca=False)


@pytest.fixture(scope="session")
def rsa_leaf(issuing: Identity) -> Identity:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return make_identity("訪問看護 二郎", key, issuing, ca=False)


@pytest.fixture(scope="session", params=["ec", "rsa"])
def leaf(request: pytest.FixtureRequest, ec_leaf: Identity, rsa_leaf: Identity) -> Identity:
    return ec_leaf if request.param == "ec" else rsa_leaf
