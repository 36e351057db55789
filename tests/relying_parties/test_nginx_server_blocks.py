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
class Doors:
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

    def visit(self, door: str, *client: str) -> str:
        """The status and the title or text that someone gets.

        Args:
            client: lines of a curl configuration; among the arguments a password would show.
        """
        done = run(
            *("curl", "--silent", "--config", "-", "--cacert", self.nginx.certificate),
            *("--write-out", "\n%{http_code}", f"https://{HOST}:{self.ports[door]}/"),
            stdin="\n".join(client),
        )
        assert done.returncode == 0, done.stderr
        body, code = done.stdout.rsplit("\n", 1)
        title = body.split("<title>")[-1].split("</title>")[0]
        return f"{code} {title.removeprefix(code).strip()}"

    def enters(self, device: Device, door: str) -> bool:
        """Whether the device's file opens the door."""
        answer = self.visit(door, f'cert = "{device.p12}:{device.password}"', 'cert-type = "P12"')
        assert answer in (f"200 {entered(device)}", BAD_CERTIFICATE)
        return answer != BAD_CERTIFICATE


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
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
        name: nginx.add_door(f"include {network.public}/nginx-{name}.conf;")
        for name in ("old", "new")
    }
    ports["resuming"] = nginx.add_door(with_sessions(network.public / "nginx-new.conf"))
    network.set("publish_hook", f"['{nginx.reload_script}']")
    nginx.start()
    yield Doors(network, nginx, ports, expired)
    nginx.stop()


def with_sessions(snippet: Path) -> str:
    """The snippet with what many write to make a server faster."""
    text = snippet.read_text("utf-8")
    assert text.count("ssl_session_cache off;") == 1
    return text.replace("ssl_session_cache off;", "ssl_session_cache shared:resuming:1m;")


@pytest.mark.parametrize("kind", DEVICES)
@pytest.mark.parametrize("hierarchy", ["old", "new"])
def test_a_device_enters_at_the_door_of_its_hierarchy_alone(
    doors: Doors, hierarchy: str, kind: str
) -> None:
    device = doors.network.device(hierarchy, kind)
    assert [door for door in ("old", "new") if doors.enters(device, door)] == [hierarchy]


@pytest.mark.parametrize("door", ["old", "new"])
def test_key_and_certificates_may_be_pem(doors: Doors, door: str) -> None:
    device = doors.network.device(door)
    assert doors.visit(door, f'cert = "{device.pem}"') == f"200 {entered(device)}"


@pytest.mark.parametrize("door", ["old", "new"])
def test_nobody_enters_without_a_certificate(doors: Doors, door: str) -> None:
    assert doors.visit(door) == NO_CERTIFICATE


@pytest.mark.parametrize("hierarchy", ["old", "new"])
def test_a_revoked_device_enters_at_no_door(doors: Doors, hierarchy: str) -> None:
    device, other = doors.network.device(hierarchy), doors.network.device(hierarchy)
    assert doors.enters(device, hierarchy)
    doors.network.revoke(device)
    doors.publish()
    assert not any(doors.enters(device, door) for door in ("old", "new"))
    assert doors.enters(other, hierarchy)


def test_a_held_device_enters_again_when_it_is_released(doors: Doors) -> None:
    device = doors.network.device("new")
    doors.network.hold(device)
    doors.publish()
    assert not doors.enters(device, "new")
    doors.network.release(device)
    doors.publish()
    assert doors.enters(device, "new")


def test_an_expired_device_does_not_enter(doors: Doors) -> None:
    assert not doors.enters(doors.expired, "new")


def test_a_connection_that_a_revoked_device_kept_open_is_closed(doors: Doors) -> None:
    device = doors.network.device("new")
    context = ssl.create_default_context(cafile=doors.nginx.certificate)
    context.load_cert_chain(device.pem)
    connection = http.client.HTTPSConnection(
        HOST, doors.ports["new"], timeout=PATIENCE, context=context
    )

    def ask() -> str:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()

    with closing(connection):
        assert ask() == ask() == entered(device)
        assert connection.sock is not None  # closed, it would be opened anew
        doors.network.revoke(device)
        doors.publish()
        with pytest.raises(ConnectionError):
            ask()


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_revoked_device_cannot_resume_its_session(
    doors: Doors, version: str, tmp_path: Path
) -> None:
    answer = resume_after_revocation(doors, "new", version, tmp_path)
    assert "The SSL certificate error" in answer
    assert "\nReused, " not in answer


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_at_a_door_that_keeps_sessions_it_could(doors: Doors, version: str, tmp_path: Path) -> None:
    answer = resume_after_revocation(doors, "resuming", version, tmp_path)
    assert "entered with" in answer
    assert "\nReused, " in answer


def resume_after_revocation(doors: Doors, door: str, version: str, folder: Path) -> str:
    """Logs in, is revoked, and comes back with the session: what was shown and answered."""
    device, session = doors.network.device("new"), folder / "session"

    def visit(*options: str | Path) -> str:
        return must(
            *("openssl", "s_client", version, "-connect", f"{HOST}:{doors.ports[door]}"),
            *("-CAfile", doors.nginx.certificate, "-verify_return_error", "-ign_eof"),
            *("-cert", device.pem, "-key", device.pem, "-cert_chain", device.pem, *options),
            stdin="GET / HTTP/1.0\r\n\r\n",
        )

    assert entered(device) in visit("-sess_out", session)
    doors.network.revoke(device)
    doors.publish()
    # Under TLS 1.3 a server that resumes nothing gives nothing to come back with.
    return visit("-sess_in", session) if session.exists() else visit()


def test_a_crl_past_its_end_locks_everyone_out_until_the_next(doors: Doors) -> None:
    device, clock = doors.network.device("new"), doors.network.clock
    clock.ago = timedelta(days=30)
    doors.publish(trust_clock=True)
    assert not doors.enters(device, "new")
    clock.ago = timedelta()
    doors.publish()
    assert doors.enters(device, "new")


def test_a_hook_that_fails_is_told_with_its_words_and_the_doors_stay_as_they_were(
    doors: Doors,
) -> None:
    device, configuration = doors.network.device("new"), doors.nginx.configuration
    right = configuration.read_text("utf-8")
    configuration.write_text("dors {}\n" + right, "utf-8")
    try:
        with pytest.raises(Unavailable, match='unknown directive "dors"'):
            doors.network.publish()
    finally:
        configuration.write_text(right, "utf-8")
    assert doors.enters(device, "new")
    doors.publish()
    assert doors.enters(device, "new")


@pytest.mark.parametrize(
    "name", ["見本市 公開", "a'b", 'a"b', "a;b}c{d", "$host #x", "a\\tb", "a\\", "*.conf"]
)
def test_the_folder_may_have_any_name(doors: Doors, name: str, tmp_path: Path) -> None:
    out = tmp_path / name
    publication.publish(doors.network.home, out=out)
    nginx = Nginx(tmp_path / "nginx")
    nginx.make_certificate()
    nginx.add_door((out / "nginx-new.conf").read_text("utf-8"))
    assert nginx.check() == ""
