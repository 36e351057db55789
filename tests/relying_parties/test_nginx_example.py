"""examples/nginx-server-blocks.conf is taken as it is, but for names that are another machine's."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.shared.programs import must, run
from tests.shared.scene import Device, Network
from tests.shared.waiting import free_port
from tests.shared.web_server import Nginx

pytestmark = pytest.mark.needs("nginx", "curl", "openssl")

EXAMPLE = Path(__file__).parents[2] / "examples" / "nginx-server-blocks.conf"
SERVER_BLOCKS = {"old": "login-old.example.jp", "new": "login-new.example.jp"}


class HeaderEcho(BaseHTTPRequestHandler):
    """Answers with the headers that it got."""

    def do_GET(self) -> None:
        body = json.dumps(dict(self.headers.items())).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@dataclass(frozen=True)
class ExampleSite:
    network: Network
    nginx: Nginx
    port: int

    def visit(
        self, host: str, device: Device | None, *options: str
    ) -> subprocess.CompletedProcess[str]:
        """Opens the page of that name; prints the body, a line feed, and the status."""
        client = "" if device is None else f'cert = "{device.pem}"'
        return run(
            *("curl", "--silent", "--config", "-", "--cacert", self.nginx.certificate),
            *("--connect-to", f"::127.0.0.1:{self.port}", "--write-out", "\n%{http_code}"),
            *(*options, f"https://{host}/"),
            stdin=client,
        )


@pytest.fixture(scope="module")
def portal() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), HeaderEcho)
    Thread(target=server.serve_forever).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def site(portal: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExampleSite]:
    folder = tmp_path_factory.mktemp("site")
    network = Network(folder)
    for name in SERVER_BLOCKS:
        network.create(name)
    network.publish()
    nginx, port = Nginx(folder / "nginx"), free_port()
    nginx.make_certificate(*SERVER_BLOCKS.values())
    key = nginx.certificate.with_suffix(".key")
    nginx.add(
        replaced(
            EXAMPLE.read_text("utf-8"),
            {
                "listen 443 ssl": (3, f"listen 127.0.0.1:{port} ssl"),
                "server 127.0.0.1:8080;": (1, f"server 127.0.0.1:{portal};"),
                "include /srv/rca/public/": (2, f"include {network.public}/"),
                **{
                    f"/etc/ssl/{host}.pem": (1, str(nginx.certificate))
                    for host in SERVER_BLOCKS.values()
                },
                **{f"/etc/ssl/{host}.key": (1, str(key)) for host in SERVER_BLOCKS.values()},
            },
        )
    )
    nginx.start()
    yield ExampleSite(network, nginx, port)
    nginx.stop()


def replaced(text: str, changes: dict[str, tuple[int, str]]) -> str:
    for old, (count, new) in changes.items():
        assert text.count(old) == count, old
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize("block", SERVER_BLOCKS)
def test_the_portal_gets_the_client_certificate_and_the_server_block(
    site: ExampleSite, block: str
) -> None:
    device = site.network.device(block)
    forged = [
        ("X-Client-Serial", "1"),
        ("X-Client-Subject", "CN=other"),
        ("X-Client-Hierarchy", "other"),
    ]
    options = [word for name, value in forged for word in ("--header", f"{name}: {value}")]
    body, code = site.visit(SERVER_BLOCKS[block], device, *options).stdout.rsplit("\n", 1)
    got = json.loads(body)
    assert code == "200"
    assert int(got["X-Client-Serial"], 16) == device.serial
    assert got["X-Client-Subject"].startswith("CN=suzuki,")
    assert got["X-Client-Hierarchy"] == block
    assert got["Host"] == SERVER_BLOCKS[block]


@pytest.mark.parametrize(("block", "hierarchy"), [("old", "new"), ("new", "old")])
def test_a_client_of_the_other_hierarchy_gets_an_explanation(
    site: ExampleSite, block: str, hierarchy: str
) -> None:
    refused = site.visit(SERVER_BLOCKS[block], site.network.device(hierarchy)).stdout
    assert refused.startswith("このページで使える証明書がありません。")
    assert refused.endswith(
        "No certificate for this page. Close the browser, open it again, and choose one.\n\n403"
    )


@pytest.mark.parametrize("block", SERVER_BLOCKS)
def test_a_client_without_a_certificate_gets_an_explanation(site: ExampleSite, block: str) -> None:
    assert site.visit(SERVER_BLOCKS[block], None).stdout.endswith("\n403")


def test_a_certificate_of_one_server_block_is_refused_by_the_other(site: ExampleSite) -> None:
    """TLS with the name of the door that the certificate opens, HTTP with the other's."""
    device = site.network.device("old")
    answer = site.visit(SERVER_BLOCKS["old"], device, "--header", f"Host: {SERVER_BLOCKS['new']}")
    assert answer.stdout.endswith("\n421")


def test_no_other_name_is_answered(site: ExampleSite) -> None:
    answer = site.visit("localhost", site.network.device("new"))
    assert answer.returncode == 35, answer  # curl's for a handshake that failed


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_no_session_is_resumed(site: ExampleSite, version: str, tmp_path: Path) -> None:
    device, session = site.network.device("new"), tmp_path / "session"

    def visit(*options: str | Path) -> str:
        return must(
            *("openssl", "s_client", version, "-connect", f"127.0.0.1:{site.port}"),
            *("-servername", SERVER_BLOCKS["new"], "-CAfile", site.nginx.certificate, "-ign_eof"),
            *("-cert", device.pem, "-key", device.pem, "-cert_chain", device.pem, *options),
            stdin=f"GET / HTTP/1.0\r\nHost: {SERVER_BLOCKS['new']}\r\n\r\n",
        )

    assert '"X-Client-Hierarchy": "new"' in visit("-sess_out", session)
    again = visit("-sess_in", session) if session.exists() else visit()
    assert '"X-Client-Hierarchy": "new"' in again
    assert "\nReused, " not in again


def test_a_revoked_device_is_refused(site: ExampleSite) -> None:
    device = site.network.device("new")
    site.network.revoke(device)
    site.network.publish()
    site.nginx.reload()
    assert site.visit(SERVER_BLOCKS["new"], device).stdout.endswith("\n403")
