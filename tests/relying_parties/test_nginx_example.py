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
DOORS = {"old": "login-old.example.jp", "new": "login-new.example.jp"}


class Portal(BaseHTTPRequestHandler):
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
class Site:
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
    server = ThreadingHTTPServer(("127.0.0.1", 0), Portal)
    Thread(target=server.serve_forever).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def site(portal: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    network = Network(folder)
    for name in DOORS:
        network.create(name)
    network.publish()
    nginx, port = Nginx(folder / "nginx"), free_port()
    nginx.make_certificate(*DOORS.values())
    key = nginx.certificate.with_suffix(".key")
    nginx.add(
        replaced(
            EXAMPLE.read_text("utf-8"),
            {
                "listen 443 ssl": (3, f"listen 127.0.0.1:{port} ssl"),
                "server 127.0.0.1:8080;": (1, f"server 127.0.0.1:{portal};"),
                "include /srv/rca/public/": (2, f"include {network.public}/"),
                **{f"/etc/ssl/{host}.pem": (1, str(nginx.certificate)) for host in DOORS.values()},
                **{f"/etc/ssl/{host}.key": (1, str(key)) for host in DOORS.values()},
            },
        )
    )
    nginx.start()
    yield Site(network, nginx, port)
    nginx.stop()


def replaced(text: str, changes: dict[str, tuple[int, str]]) -> str:
    for old, (count, new) in changes.items():
        assert text.count(old) == count, old
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize("door", DOORS)
def test_the_portal_learns_who_came_by_which_door(site: Site, door: str) -> None:
    device = site.network.device(door)
    forged = [("X-Client-Serial", "1"), ("X-Client-Subject", "CN=other"), ("X-Door", "other")]
    options = [word for name, value in forged for word in ("--header", f"{name}: {value}")]
    body, code = site.visit(DOORS[door], device, *options).stdout.rsplit("\n", 1)
    got = json.loads(body)
    assert code == "200"
    assert int(got["X-Client-Serial"], 16) == device.serial
    assert got["X-Client-Subject"].startswith("CN=suzuki,")
    assert got["X-Door"] == door
    assert got["Host"] == DOORS[door]


@pytest.mark.parametrize(("door", "hierarchy"), [("old", "new"), ("new", "old")])
def test_who_stands_at_the_other_door_is_told_so(site: Site, door: str, hierarchy: str) -> None:
    refused = site.visit(DOORS[door], site.network.device(hierarchy)).stdout
    assert refused.startswith("この入口から入れる証明書がありません。")
    assert refused.endswith(
        "No certificate for this door. Close the browser, open it again, and choose one.\n\n403"
    )


@pytest.mark.parametrize("door", DOORS)
def test_who_has_no_certificate_is_told_so(site: Site, door: str) -> None:
    assert site.visit(DOORS[door], None).stdout.endswith("\n403")


def test_the_one_door_does_not_let_into_the_other(site: Site) -> None:
    """TLS with the name of the door that the certificate opens, HTTP with the other's."""
    device = site.network.device("old")
    answer = site.visit(DOORS["old"], device, "--header", f"Host: {DOORS['new']}")
    assert answer.stdout.endswith("\n421")


def test_no_other_name_is_answered(site: Site) -> None:
    answer = site.visit("localhost", site.network.device("new"))
    assert answer.returncode == 35, answer  # curl's for a handshake that failed


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_no_session_is_resumed(site: Site, version: str, tmp_path: Path) -> None:
    device, session = site.network.device("new"), tmp_path / "session"

    def visit(*options: str | Path) -> str:
        return must(
            *("openssl", "s_client", version, "-connect", f"127.0.0.1:{site.port}"),
            *("-servername", DOORS["new"], "-CAfile", site.nginx.certificate, "-ign_eof"),
            *("-cert", device.pem, "-key", device.pem, "-cert_chain", device.pem, *options),
            stdin=f"GET / HTTP/1.0\r\nHost: {DOORS['new']}\r\n\r\n",
        )

    assert '"X-Door": "new"' in visit("-sess_out", session)
    again = visit("-sess_in", session) if session.exists() else visit()
    assert '"X-Door": "new"' in again
    assert "\nReused, " not in again


def test_a_revoked_device_is_refused(site: Site) -> None:
    device = site.network.device("new")
    site.network.revoke(device)
    site.network.publish()
    site.nginx.reload()
    assert site.visit(DOORS["new"], device).stdout.endswith("\n403")
