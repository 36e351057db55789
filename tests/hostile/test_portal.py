"""The portal over raw sockets: what no browser sends gives no 5xx, no traceback, and no claim."""

from __future__ import annotations

import http.client
import re
import socket
import subprocess
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from asn1crypto import ocsp as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

from renrakucho_ca.clock import system_clock
from renrakucho_ca.model import User
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance import issuance
from renrakucho_ca.service.issuance.issuer import Issued
from renrakucho_ca.service.issuance.planner import IssuanceRequest
from renrakucho_ca.service.publication import publication
from renrakucho_ca.service.retrieval import download
from renrakucho_ca.store.tables import certificates, hierarchies
from tests.shared.homes import make_home
from tests.shared.runner import Runner
from tests.shared.serving import start
from tests.shared.waiting import PATIENCE

from .mutants import mutants, nested

MOST_MEMORY = 200 * 1024 * 1024
SILENCE = 0.5
"""Seconds after which nothing more is expected: the portal waits up to 15 for a request's rest."""


@dataclass(frozen=True)
class RunningPortal:
    """`rca serve`, and one certificate that can be downloaded once.

    Attributes:
        link: a path that leads to it.
        request: an OCSP request about it.
    """

    process: subprocess.Popen[str]
    log: Path
    port: int
    home: Home
    link: str
    request: bytes

    def send(self, *pieces: bytes) -> bytes:
        """All that comes back, until the portal closes or has nothing more to say."""
        answer = b""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as connection:
            try:
                for piece in pieces:
                    connection.sendall(piece)
                connection.settimeout(SILENCE)
                while piece := connection.recv(65536):
                    answer += piece
            except (ConnectionError, TimeoutError):
                pass  # it had heard enough, or waits for more
        return answer

    def send_all(self, requests: Iterable[Sequence[bytes]]) -> None:
        """Sends each on a connection of its own, many at a time; none may be the portal's fault."""

        def one(pieces: Sequence[bytes]) -> None:
            for status in statuses(self.send(*pieces)):
                assert status < 500, pieces

        with ThreadPoolExecutor(20) as pool:
            list(pool.map(one, requests))

    def check_unharmed(self) -> None:
        """It answers, nobody has downloaded, and it has seen no error of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b"ok\n"
        connection.close()
        log = self.log.read_text()
        assert "Traceback" not in log
        assert not re.search(r" 5\d\d \d+ ms", log), log[-2000:]
        assert [*self.home.db.rows("SELECT 1 FROM certificate WHERE downloaded_at > 0")] == []
        assert [*self.home.db.rows("SELECT 1 FROM handout")] == []
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
        assert int(peak) * 1024 < MOST_MEMORY


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """By the system's clock, as the server has no other."""
    folder = tmp_path_factory.mktemp("portal") / "home"
    return make_home(folder, system_clock, hierarchies=["new"])


@pytest.fixture(scope="module")
def portal(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPortal]:
    (issued,) = issuance.issue(home, [IssuanceRequest.parse(User.parse("suzuki"), "mac", None)])
    assert isinstance(issued, Issued)
    publication.publish(home)
    number = issued.certificate.number
    link = "/" + download.link_path(download.make_link(home, number))
    builder = ocsp.OCSPRequestBuilder().add_certificate(
        x509.load_der_x509_certificate(certificates.der(home.db, number)),
        x509.load_der_x509_certificate(hierarchies.get(home.db, "new").issuing.certificate),
        hashes.SHA1(),
    )
    request = builder.build().public_bytes(serialization.Encoding.DER)
    log = tmp_path_factory.mktemp("portal") / "log"
    server = start(Runner({"RCA_HOME": str(home.path), "RCA_LANG": "en"}), log)
    yield RunningPortal(server.process, log, server.port, home, link, request)
    server.kill()


def post(link: str, body: bytes, *headers: str) -> bytes:
    lines = (f"POST {link} HTTP/1.1", "Host: x", *headers, "", "")
    return "\r\n".join(lines).encode() + body


def claim_within(link: str) -> bytes:
    """A claim hidden where only a confused server would look for a request."""
    return post(link, b"", "Content-Length: 0")


def smuggled(link: str) -> list[bytes]:
    """Requests whose end two servers might see in different places (RFC 9112 §11.2)."""
    inner = claim_within(link)
    size = f"Content-Length: {len(inner)}"
    return [
        post("/", b"0\r\n\r\n" + inner, size, "Transfer-Encoding: chunked"),
        post("/", b"0\r\n\r\n" + inner, "Transfer-Encoding: chunked", size),
        post("/", inner, size, "Content-Length: 0"),
        post("/", inner, "Content-Length: 0, 5"),
        post("/", inner, "Content-Length: +5"),
        post("/", inner, "Content-Length: -1"),
        post("/", inner, "Content-Length: 0x10"),
        post("/", inner, "Content-Length: " + "9" * 400),
        post("/", inner, f"Content-Length : {len(inner)}"),
        post("/", inner, f"Content-Length:\x0b{len(inner)}"),
        post("/", b"0\r\n\r\n" + inner, "Transfer-Encoding: xchunked"),
        post("/", b"0\r\n\r\n" + inner, "Transfer-Encoding: identity, chunked"),
        post("/", b"0\r\n\r\n" + inner, "Transfer-Encoding:\tchunked", "Transfer-Encoding: x"),
        post("/", b"0\r\n\r\n" + inner, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
        post("/", b"0\r\n\r\n" + inner, "Transfer-Encoding: chunked, chunked"),
        post("/", b"0\n\n" + inner, "Transfer-Encoding: chunked"),
        post("/", b"ffffffffffffffffffff\r\n" + inner, "Transfer-Encoding: chunked"),
        post("/", b"-1\r\n" + inner, "Transfer-Encoding: chunked"),
        post("/", b"5;" + b"x" * 50_000 + b"\r\n" + inner, "Transfer-Encoding: chunked"),
        post("/", inner, size, "X: y\r\n folded"),
        post("/", inner, size, "X\n: y"),
        b"GET / HTTP/1.1\nHost: x\n\n"[:-1],
    ]


def odd(link: str) -> list[bytes]:
    head = b"Host: x\r\n\r\n"
    path = link.encode()
    return [
        *(method + b" " + path + b" HTTP/1.1\r\n" + head for method in METHODS),
        *(b"GET " + each + b" HTTP/1.1\r\n" + head for each in PATHS),
        *(b"GET " + path + b" HTTP/" + each + b"\r\n" + head for each in (b"0.9", b"9.9", b"x")),
        b"GET " + path + b"\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        b"GET / HTTP/1.1\r\n" + head * 2,
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 1_000_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 100_000 + b"\r\n",
        b"GET /" + b"x" * 1_000_000 + b" HTTP/1.1\r\n" + head,
        b"GET / HTTP/1.1\r\nHost: x\r\nAccept-Language: " + b"ja;q=9," * 1500 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: " + b"::1," * 2000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: \xff, %\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nRange: bytes=" + b"0-," * 3000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n",
        b"\r\n" * 100_000,
        b"\0" * 100_000,
    ]


METHODS = (b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"CONNECT", b"X" * 5000, b"\xff", b"")
PATHS = (
    *(b"/%", b"/%zz", b"/%00", b"/d/%ff%fe", b"/d/%2e%2e%2f%2e%2e", b"/d/../../etc/passwd", b"*"),
    *(b"//x//y", b"http://other/d/x", b"/f/%0d%0aX:%20y/z", b"/f/x/..%2f..%2fx", b"/?number=%ff"),
    *(b"/?" + b"a=b&" * 3000, b"/crl/..%2f..%2frca.yaml.crl", b"/crl/%00.crl", b"/ca/.cer"),
    *(b"/help/%E2%80%AE", b"/ocsp/new/%", b"/ocsp/%00/x", b"/\xff\xfe", b"/d/" + b"a" * 8000),
)
FORMS = (
    *(b"", b"%", b"=&=&", b"number=%ff&password=%00", b"\xff" * 4000, b"a=b&" * 1000, b"\0" * 100),
    *(
        b"x" * 4097,
        b"x" * 5_000_000,
        b"number=" + b"9" * 4000,
        b"number=1000000&password=%ED%A0%80",
    ),
)


def test_two_ends_of_one_request_smuggle_nothing(portal: RunningPortal) -> None:
    portal.send_all([request] for request in smuggled(portal.link))
    portal.check_unharmed()


def test_an_odd_request_is_answered_or_dropped(portal: RunningPortal) -> None:
    portal.send_all([request] for request in odd(portal.link))
    portal.check_unharmed()


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"GET /", b"x"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: ", b"y"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", b"X: y\r\n"),
        (post("/d/x", b"0\r\n", "Transfer-Encoding: chunked"), b"X: y\r\n"),
        (post("/d/x", b"0\r\nX: ", "Transfer-Encoding: chunked"), b"y"),
        (post("/d/x", b"1;", "Transfer-Encoding: chunked"), b"z"),
    ],
    ids=["address", "header", "headers", "trailers", "trailer", "chunk extension"],
)
def test_an_endless_request_is_cut_off(portal: RunningPortal, begin: bytes, more: bytes) -> None:
    """It would fill the memory."""
    piece = more * (65_536 // len(more))
    with socket.create_connection(("127.0.0.1", portal.port), PATIENCE) as connection:
        connection.sendall(begin)
        with pytest.raises(ConnectionError):
            connection.sendall(piece * 500)
    portal.check_unharmed()


def test_a_malformed_form_is_not_accepted(portal: RunningPortal) -> None:
    for body in FORMS:
        (answer,) = statuses(portal.send(post("/", body, f"Content-Length: {len(body)}"))) or [400]
        assert 400 <= answer < 500, body[:100]
    big = post(portal.link, b"x" * 1_000_000, "Content-Length: 1000000")
    assert statuses(portal.send(big)) in ([400], [])
    # What was announced does not come.
    short = post(portal.link, b"visit=x", "Content-Length: 1000")
    assert statuses(portal.send(short)) in ([400], [])
    portal.check_unharmed()


def test_corrupted_requests_are_answered_or_dropped(portal: RunningPortal) -> None:
    """The link leads nowhere: where no more than a header was hit, a claim would be right."""
    whole = post("/d/x", b"visit=abc", "Content-Length: 9", "User-Agent: x", "Accept: */*")
    random = Random(51)
    cut = (random.randrange(len(whole)) for _ in range(200))
    spoilt = mutants(whole, 200, seed=50)
    portal.send_all((each[:at], each[at:]) for each, at in zip(spoilt, cut, strict=True))
    portal.check_unharmed()


def test_an_ocsp_request_that_was_spoilt_gets_an_answer_of_ocsp(portal: RunningPortal) -> None:
    """And never `good` for a certificate that was not issued."""
    (asked,) = asn1.OCSPRequest.load(portal.request)["tbs_request"]["request_list"]
    serial = asked["req_cert"]["serial_number"].native
    connection = http.client.HTTPConnection("127.0.0.1", portal.port, timeout=PATIENCE)
    assert status_of(ask(connection, portal.request)) == {serial: "good"}
    hurting = [nested(2000), b"\x30\x84\xff\xff\xff\xff", b"\x30\x80" * 4000, b"", b"\0" * 8192]
    for spoilt in (*mutants(portal.request, 300, seed=52), *hurting):
        for found, status in status_of(ask(connection, spoilt)).items():
            assert status != "good" or found == serial, spoilt.hex()
    for spoilt in mutants(portal.request, 50, seed=53):
        connection.request("GET", "/ocsp/new/" + b64encode(spoilt).decode().replace("/", "%2F"))
        with connection.getresponse() as answer:
            status_of(answer.read())
            assert answer.status == 200
    connection.close()
    portal.check_unharmed()


def ask(connection: http.client.HTTPConnection, request: bytes) -> bytes:
    connection.request("POST", "/ocsp/new", request, {"Content-Type": "application/ocsp-request"})
    with connection.getresponse() as answer:
        assert answer.status == 200, request.hex()
        return answer.read()


def status_of(answer: bytes) -> dict[int, str]:
    """What it says of which certificates; nothing where it is an error."""
    whole = asn1.OCSPResponse.load(answer, strict=True)
    if whole["response_status"].native != "successful":
        assert whole["response_status"].native in ("malformed_request", "unauthorized")
        return {}
    return {
        one["cert_id"]["serial_number"].native: one["cert_status"].name
        for one in whole.response_data["responses"]
    }


def statuses(answer: bytes) -> list[int]:
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3})", answer)]


def test_slow_bodies_delay_no_other_request(portal: RunningPortal) -> None:
    slow = []
    for _ in range(200):
        connection = socket.create_connection(("127.0.0.1", portal.port), PATIENCE)
        connection.sendall(post(portal.link, b"v", "Content-Length: 9"))
        slow.append(connection)
    portal.check_unharmed()
    for connection in slow:
        connection.setblocking(False)
        with pytest.raises(BlockingIOError):  # it is waited for still
            connection.recv(1)
        connection.close()
    portal.check_unharmed()
