"""A home whose mails go to a real SMTP server on this machine."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from renrakucho_ca.service.home import Home
from tests.shared.homes import Clock, make_home

from .mail_home import PASSPHRASE, set_mail
from .post_office import PostOffice


@pytest.fixture(scope="session")
def clock() -> Clock:
    return Clock(datetime(2026, 3, 2, 3, tzinfo=UTC))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Home:
    folder = tmp_path_factory.mktemp("mail") / "home"
    return make_home(folder, clock, passphrase=PASSPHRASE, organization="見本市役所 & <co>")


@pytest.fixture
def post_office() -> Iterator[PostOffice]:
    with PostOffice() as office:
        yield office


@pytest.fixture
def home(made: Home, clock: Clock, post_office: PostOffice) -> Home:
    """The home, unlocked already, with the settings of this test's server."""
    return set_mail(made, f"host: 127.0.0.1\n  port: {post_office.port}\n  security: none")


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """What the server shows, and the file that makes it trusted."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-keyout", key, "-out", certificate, "-days", "1", "-subj", "/CN=x"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate
