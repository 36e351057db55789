"""Other people's programs ask a real `rca serve`: OpenSSL, GnuTLS, nginx."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from renrakucho_ca.service.publication import publication
from tests.shared.programs import must, run
from tests.shared.runner import Runner
from tests.shared.scene import Device, Network
from tests.shared.serving import start
from tests.shared.web_server import HOST, Nginx, entered

pytestmark = pytest.mark.needs("openssl")


@dataclass(frozen=True)
class OcspSite:
    """A home, and its portal."""

    network: Network
    url: str

    def openssl(self, device: Device, hash: str) -> str:
        public = self.network.public
        return must(
            *("openssl", "ocsp", hash, "-issuer", public / "new-issuing.pem"),
            *("-cert", device.leaf, "-CAfile", public / "new-root.pem", "-url", self.url),
        )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OcspSite]:
    network = Network(tmp_path_factory.mktemp("ocsp"))
    network.create("new")
    network.publish()
    server = start(Runner({"RCA_HOME": str(network.home.path)}), network.folder / "log")
    yield OcspSite(network, f"{server.url}ocsp/new")
    server.stop()
    assert "Traceback" not in server.log.read_text()


def revoke(place: OcspSite, device: Device) -> None:
    place.network.revoke(device)
    publication.publish(place.network.home, if_due=True)


@pytest.mark.parametrize("hash", ["-sha1", "-sha256"])
def test_openssl_accepts_good_and_revoked_responses(place: OcspSite, hash: str) -> None:
    device = place.network.device("new")
    said = place.openssl(device, hash)
    assert re.search(r"^\S+: good$", said, re.MULTILINE)
    revoke(place, device)
    said = place.openssl(device, hash)
    assert re.search(r"^\S+: revoked$", said, re.MULTILINE)
    assert "Reason: keyCompromise" in said


@pytest.mark.needs("ocsptool")
def test_gnutls_accepts_good_and_revoked_responses(place: OcspSite) -> None:
    device = place.network.device("new")
    public = place.network.public
    command = (
        *("ocsptool", f"--ask={place.url}", "--load-cert", device.leaf),
        *("--load-issuer", public / "new-issuing.pem", "--load-trust", public / "new-issuing.pem"),
    )
    said = must(*command)
    assert "Certificate Status: good" in said
    assert "Verifying OCSP Response: Success." in said
    revoke(place, device)
    assert "Certificate Status: revoked" in run(*command).stdout


@pytest.mark.needs("nginx", "curl")
@pytest.mark.parametrize("which", ["leaf", "on"])
def test_nginx_checks_ocsp_and_accepts_good_devices(
    place: OcspSite, tmp_path: Path, which: str
) -> None:
    good, revoked = place.network.device("new"), place.network.device("new")
    nginx = Nginx(tmp_path / "nginx")
    nginx.make_certificate()
    public = place.network.public
    port = nginx.add_server_block(
        f"ssl_client_certificate {public}/new-issuing.pem;"
        f"ssl_trusted_certificate {public}/new-root.pem;"
        "ssl_verify_client on; ssl_verify_depth 2; ssl_session_tickets off;"
        f"ssl_ocsp {which}; ssl_ocsp_responder {place.url};"
    )
    nginx.start()

    def visit(device: Device) -> str:
        done = run(
            *("curl", "--silent", "--config", "-", "--cacert", nginx.certificate),
            f"https://{HOST}:{port}/",
            stdin=f'cert = "{device.pem}"',
        )
        return done.stdout

    try:
        assert [visit(each) == entered(each) for each in (good, revoked)] == [True, True]
        revoke(place, revoked)
        assert [visit(each) == entered(each) for each in (good, revoked)] == [True, False]
    finally:
        nginx.stop()
