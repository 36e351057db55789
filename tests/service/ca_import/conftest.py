"""A home for the session, and the Easy-RSA `pki` that some tests share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from renrakucho_ca.service.home import Home
from tests.shared.homes import make_home

from .old_cas import NOW, Old, OpensslCa, run


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """One home for all: the passphrase is stretched once. Each test takes names of its own."""
    folder = tmp_path_factory.mktemp("home") / "home"
    return make_home(folder, lambda: NOW, hierarchies=(), organization="見本協議会")


@pytest.fixture
def old(home: Home) -> Old:
    return Old(home)


@pytest.fixture
def openssl_ca(tmp_path: Path) -> Callable[..., OpensslCa]:
    def make(name: str = "ca", **options: object) -> OpensslCa:
        return OpensslCa(tmp_path / name, **options)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def easyrsa(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An Easy-RSA `pki` with alice, bob (revoked: superseded) and carol."""
    folder = tmp_path_factory.mktemp("easyrsa")
    pki = folder / "pki"

    def command(*arguments: str, **environment: str) -> None:
        run(
            *("/usr/share/easy-rsa/easyrsa", *arguments),
            EASYRSA_BATCH="1",
            EASYRSA_PKI=str(pki),
            **environment,
            EASYRSA_ALGO="ec",
            EASYRSA_CURVE="prime256v1",
        )

    command("init-pki")
    command("build-ca", "nopass", EASYRSA_REQ_CN="Easy Old CA")
    for name in ("alice", "bob", "carol"):
        command("build-client-full", name, "nopass")
    command("revoke", "bob", "superseded")
    return pki
