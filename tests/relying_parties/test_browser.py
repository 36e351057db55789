"""A browser with both certificates in its store is asked at each door for the right one alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.shared.programs import must
from tests.shared.scene import Device, Network
from tests.shared.web_server import HOST, Nginx, entered

pytestmark = pytest.mark.needs("chromium", "nginx", "certutil", "pk12util", "openssl", "unshare")

# Without them it looks for Google's servers at every start.
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(frozen=True)
class Browser:
    """Chromium of one person, with what is in its certificate store.

    Attributes:
        folder: the person's home folder.
    """

    folder: Path

    @classmethod
    def make(cls, folder: Path, server: Path, devices: Iterable[Device]) -> Browser:
        """Installs the devices' files as a person does, and trusts the server's certificate."""
        store = folder / ".pki" / "nssdb"
        store.mkdir(parents=True)
        database = ("-d", f"sql:{store}")
        must("certutil", *database, "-N", "--empty-password")
        must("certutil", *database, "-A", "-n", "server", "-t", "C,,", "-i", server)
        for device in devices:
            secret = folder / "password"
            secret.write_text(device.password)
            must("pk12util", *database, "-i", device.p12, "-w", secret)
        return cls(folder)

    def visit(self, port: int, choice: Mapping[str, object] | None = None) -> str:
        """The text of the page.

        Args:
            choice: which certificate the person takes of those that the browser offers, as a filter
                of the policy AutoSelectCertificateForUrls; by default the first.
        """
        url = f"https://{HOST}:{port}"
        chosen = json.dumps({"pattern": url, "filter": choice or {}})
        etc = self.folder / "etc"
        (etc / "policies" / "managed").mkdir(parents=True, exist_ok=True)
        policy = etc / "policies" / "managed" / "choice.json"
        policy.write_text(json.dumps({"AutoSelectCertificateForUrls": [chosen]}))
        # Chromium reads policies in /etc alone: it gets an /etc/chromium that only it sees.
        own_etc = 'mount --bind "$1" /etc/chromium; shift; exec "$@"'
        return must(
            *("unshare", "--map-root-user", "--mount", "--pid", "--mount-proc", "--kill-child"),
            *("--", "sh", "-ec", own_etc, "sh", etc, "env", f"HOME={self.folder}"),
            *("chromium", *QUIET, f"--user-data-dir={self.folder / 'profile'}", "--dump-dom", url),
        )


@dataclass(frozen=True)
class BrowserScene:
    """Two doors, a third one that asks for certificates of either hierarchy, and two people.

    Attributes:
        ports: of `old`, `new` and `either`.
        devices: by hierarchy.
        moving: has both certificates, as everyone while the hierarchies overlap.
        late: has the old one alone.
    """

    ports: dict[str, int]
    devices: dict[str, Device]
    moving: Browser
    late: Browser


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserScene]:
    folder = tmp_path_factory.mktemp("town")
    network = Network(folder)
    devices = {}
    for name in ("old", "new"):
        network.create(name)
        devices[name] = network.device(name, "windows")
    network.publish()

    nginx = Nginx(folder / "nginx")
    nginx.make_certificate()
    public = network.public
    ports = {
        name: nginx.add_server_block(f"include {public}/nginx-{name}.conf;") for name in devices
    }
    ports["either"] = nginx.add_server_block(asking_for_either(public, folder))
    nginx.start()
    moving = Browser.make(folder / "moving", nginx.certificate, devices.values())
    late = Browser.make(folder / "late", nginx.certificate, [devices["old"]])
    yield BrowserScene(ports, devices, moving, late)
    nginx.stop()


def asking_for_either(public: Path, folder: Path) -> str:
    for kind in ("issuing", "crl", "root"):
        texts = [(public / f"{name}-{kind}.pem").read_text() for name in ("old", "new")]
        (folder / f"{kind}.pem").write_text("".join(texts))
    return (
        f"ssl_client_certificate {folder}/issuing.pem; ssl_trusted_certificate {folder}/root.pem;"
        f"ssl_crl {folder}/crl.pem; ssl_verify_client on; ssl_verify_depth 2;"
    )


@pytest.mark.parametrize("hierarchy", ["old", "new"])
def test_each_server_block_is_offered_its_own_certificate(
    town: BrowserScene, hierarchy: str
) -> None:
    assert entered(town.devices[hierarchy]) in town.moving.visit(town.ports[hierarchy])


@pytest.mark.parametrize("hierarchy", ["old", "new"])
def test_a_server_block_for_both_hierarchies_offers_both_certificates(
    town: BrowserScene, hierarchy: str
) -> None:
    choice = {"ISSUER": {"OU": hierarchy}}
    page = town.moving.visit(town.ports["either"], choice)
    assert entered(town.devices[hierarchy]) in page


def test_the_old_certificate_is_not_offered_to_the_new_server_block(town: BrowserScene) -> None:
    assert "No required SSL certificate was sent" in town.late.visit(town.ports["new"])
    assert entered(town.devices["old"]) in town.late.visit(town.ports["either"])
