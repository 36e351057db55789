"""A real nginx, fed with nothing but what `publish` wrote, lets in whom it should."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from renrakucho_ca.errors import Unavailable
from renrakucho_ca.service.publication import publication
from tests.shared.programs import must, run
from tests.shared.scene import DEVICES, Device, MovableClock, Network
from tests.shared.waiting import PATIENCE
from tests.shared.web_server import HOST, Nginx, entered

pytestmark = pytest.mark.needs("nginx", "curl", "openssl")

NO_CERTIFICATE = "400 No required SSL certificate was sent"
BAD_CERTIFICATE = "400 The SSL certificate error"


@dataclass(frozen=True)
class ServerBlocks:
    """A network, and a server with a door for each hierarchy.

    Attributes:
        ports: of the doors `old` and `new`, and of `resuming`: as `new`, but it keeps sessions.
        expired: a device of the hierarchy `new` whose time is over.
    """

    network: Network
    nginx: Nginx
    ports: dict[str, int]
    expired: Device

    def publish(self, *, trust_clock: bool = False) -> None:
        """As `rca publish` does: the hook reloads nginx."""
        self.nginx.reloaded_by(partial(self.network.publish, trust_clock=trust_clock))

    def visit(self, block: str, *client: str) -> str:
        """The status and the title or text that someone gets.

        Args:
            client: lines of a curl configuration; among the arguments a password would show.
        """
        done = run(
            *("curl", "--silent", "--config", "-", "--cacert", self.nginx.certificate),
            *("--write-out", "\n%{http_code}", f"https://{HOST}:{self.ports[block]}/"),
            stdin="\n".join(client),
        )
        assert done.returncode == 0, done.stderr
        body, code = done.stdout.rsplit("\n", 1)
        title = body.split("<title>")[-1].split("</title>")[0]
        return f"{code} {title.removeprefix(code).strip()}"

    def enters(self, device: Device, block: str) -> bool:
        """Whether the device's file opens the door."""
        answer = self.visit(block, f'cert = "{device.p12}:{device.password}"', 'cert-type = "P12"')
        assert answer in (f"200 {entered(device)}", BAD_CERTIFICATE)
        return answer != BAD_CERTIFICATE


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerBlocks]:
    folder = tmp_path_factory.mktemp("doors")
    network = Network(folder, MovableClock(timedelta(days=2 * 366)))
    network.create("old")
    network.create("new")
    expired = network.device("new", "visitor")
    network.clock.ago = timedelta()
    network.publish()
    nginx = Nginx(folder / "nginx")
    nginx.make_certificate()
    ports = {
        name: nginx.add_server_block(f"include {network.public}/nginx-{name}.conf;")
        for name in ("old", "new")
    }
    ports["resuming"] = nginx.add_server_block(with_sessions(network.public / "nginx-new.conf"))
    network.set("publish_hook", f"['{nginx.reload_script}']")
    nginx.start()
    yield ServerBlocks(network, nginx, ports, expired)
    nginx.stop()


def with_sessions(snippet: Path) -> str:
    """The snippet with what many write to make a server faster."""
    text = snippet.read_text("utf-8")
    assert text.count("ssl_session_cache off;") == 1
    return text.replace("ssl_session_cache off;", "ssl_session_cache shared:resuming:1m;")


@pytest.mark.parametrize("kind", DEVICES)
@pytest.mark.parametrize("hierarchy", ["old", "new"])
def test_a_device_is_accepted_by_its_hierarchys_server_block_alone(
    server: ServerBlocks, hierarchy: str, kind: str
) -> None:
    device = server.network.device(hierarchy, kind)
    assert [block for block in ("old", "new") if server.enters(device, block)] == [hierarchy]


@pytest.mark.parametrize("block", ["old", "new"])
def test_key_and_certificates_may_be_pem(server: ServerBlocks, block: str) -> None:
    device = server.network.device(block)
    assert server.visit(block, f'cert = "{device.pem}"') == f"200 {entered(device)}"


@pytest.mark.parametrize("block", ["old", "new"])
def test_no_client_is_accepted_without_a_certificate(server: ServerBlocks, block: str) -> None:
    assert server.visit(block) == NO_CERTIFICATE


@pytest.mark.parametrize("hierarchy", ["old", "new"])
def test_a_revoked_device_is_accepted_by_no_server_block(
    server: ServerBlocks, hierarchy: str
) -> None:
    device, other = server.network.device(hierarchy), server.network.device(hierarchy)
    assert server.enters(device, hierarchy)
    server.network.revoke(device)
    server.publish()
    assert not any(server.enters(device, block) for block in ("old", "new"))
    assert server.enters(other, hierarchy)


def test_a_held_device_enters_again_when_it_is_released(server: ServerBlocks) -> None:
    device = server.network.device("new")
    server.network.hold(device)
    server.publish()
    assert not server.enters(device, "new")
    server.network.release(device)
    server.publish()
    assert server.enters(device, "new")


def test_an_expired_device_does_not_enter(server: ServerBlocks) -> None:
    assert not server.enters(server.expired, "new")


def test_a_connection_that_a_revoked_device_kept_open_is_closed(server: ServerBlocks) -> None:
    device = server.network.device("new")
    context = ssl.create_default_context(cafile=server.nginx.certificate)
    context.load_cert_chain(device.pem)
    connection = http.client.HTTPSConnection(
        HOST, server.ports["new"], timeout=PATIENCE, context=context
    )

    def ask() -> str:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()

    with closing(connection):
        assert ask() == ask() == entered(device)
        assert connection.sock is not None  # closed, it would be opened anew
        server.network.revoke(device)
        server.publish()
        with pytest.raises(ConnectionError):
            ask()


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_revoked_device_cannot_resume_its_session(
    server: ServerBlocks, version: str, tmp_path: Path
) -> None:
    answer = resume_after_revocation(server, "new", version, tmp_path)
    assert "The SSL certificate error" in answer
    assert "\nReused, " not in answer


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_server_block_with_session_resumption_accepts_a_revoked_device(
    server: ServerBlocks, version: str, tmp_path: Path
) -> None:
    answer = resume_after_revocation(server, "resuming", version, tmp_path)
    assert "entered with" in answer
    assert "\nReused, " in answer


def resume_after_revocation(server: ServerBlocks, block: str, version: str, folder: Path) -> str:
    """Logs in, is revoked, and comes back with the session: what was shown and answered."""
    device, session = server.network.device("new"), folder / "session"

    def visit(*options: str | Path) -> str:
        return must(
            *("openssl", "s_client", version, "-connect", f"{HOST}:{server.ports[block]}"),
            *("-CAfile", server.nginx.certificate, "-verify_return_error", "-ign_eof"),
            *("-cert", device.pem, "-key", device.pem, "-cert_chain", device.pem, *options),
            stdin="GET / HTTP/1.0\r\n\r\n",
        )

    assert entered(device) in visit("-sess_out", session)
    server.network.revoke(device)
    server.publish()
    # Under TLS 1.3 a server that resumes nothing gives nothing to come back with.
    return visit("-sess_in", session) if session.exists() else visit()


def test_a_crl_past_its_end_locks_everyone_out_until_the_next(server: ServerBlocks) -> None:
    device, clock = server.network.device("new"), server.network.clock
    clock.ago = timedelta(days=30)
    server.publish(trust_clock=True)
    assert not server.enters(device, "new")
    clock.ago = timedelta()
    server.publish()
    assert server.enters(device, "new")


def test_a_failed_hook_is_reported_with_its_output_and_nginx_keeps_its_files(
    server: ServerBlocks,
) -> None:
    device, configuration = server.network.device("new"), server.nginx.configuration
    right = configuration.read_text("utf-8")
    configuration.write_text("dors {}\n" + right, "utf-8")
    try:
        with pytest.raises(Unavailable, match='unknown directive "dors"'):
            server.network.publish()
    finally:
        configuration.write_text(right, "utf-8")
    assert server.enters(device, "new")
    server.publish()
    assert server.enters(device, "new")


@pytest.mark.parametrize(
    "name", ["見本市 公開", "a'b", 'a"b', "a;b}c{d", "$host #x", "a\\tb", "a\\", "*.conf"]
)
def test_the_folder_may_have_any_name(server: ServerBlocks, name: str, tmp_path: Path) -> None:
    out = tmp_path / name
    publication.publish(server.network.home, out=out)
    nginx = Nginx(tmp_path / "nginx")
    nginx.make_certificate()
    nginx.add_server_block((out / "nginx-new.conf").read_text("utf-8"))
    assert nginx.check() == ""
