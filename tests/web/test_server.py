"""`rca serve` as a process: what it logs, whom it waits for, and how it stops."""

from __future__ import annotations

import asyncio
import http.client
import re
import shutil
import socket
import sqlite3
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from renrakucho_ca.service.home import Home
from renrakucho_ca.service.retrieval import download
from renrakucho_ca.web.server import STOP_SECONDS
from tests.shared.homes import Issue, no_passphrase
from tests.shared.proc import of_group
from tests.shared.runner import Runner
from tests.shared.serving import RunningServer
from tests.shared.waiting import PATIENCE, until

from .person import Person
from .serving import start


@pytest.fixture
def serving(home: Home, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    serving = start(home, tmp_path, patience=getattr(request, "param", 15))
    yield serving
    serving.process.kill()
    serving.process.wait()


hasty = pytest.mark.parametrize("serving", [0.5], indirect=True, ids=["hasty"])
"""For whom it waits half a second; else a test that stands still for a moment is cut off."""


def test_no_secret_remains_in_logs_or_files(
    home: Home, issue: Issue, serving: RunningServer
) -> None:
    """Password, link and token are looked for in the log and in every file of the home."""
    issued = issue("windows")
    link = download.make_link(home, issued.certificate.number)
    with httpx.Client(base_url=serving.url, timeout=PATIENCE) as client:
        nurse = Person(client)  # type: ignore[arg-type]
        verified = nurse.enter_password(issued.certificate.number, issued.password)
        done = nurse.follow(nurse.press(nurse.follow(verified)))
        file = client.get(done.refresh or "")
        client.get(f"/d/{link}")
        client.get("/x%0aforged", headers={"Referer": f"/d/{link}"})
    assert serving.stop() == 0
    token = (done.refresh or "").split("/f/")[1].split("/")[0]
    short = verified.headers["location"].split("/")[1]
    log = serving.log.read_text()
    assert "POST /d/{link} 303" in log
    assert "forged" not in log
    secrets = [issued.password, issued.password.replace("-", ""), link, token, short]
    kept = b"".join(path.read_bytes() for path in home.store.rglob("*") if path.is_file())
    for secret in secrets:
        assert secret not in log
        assert secret.encode() not in kept
    assert file.content[:200] not in kept
    assert issued.certificate.number.encode() in file.headers["content-disposition"].encode()


def test_a_bug_leaves_no_secret_behind(home: Home, issue: Issue, tmp_path: Path) -> None:
    """Whatever a visitor brings, on each page that reads the database: a column of it has gone.

    The program has forgotten that this is damage.
    """
    broken = tmp_path / "home"
    number, password = (issued := issue("windows")).certificate.number, issued.password
    link = download.make_link(home, number, timedelta(days=3650))
    shutil.copytree(home.path, broken)
    unknown = "from renrakucho_ca.store.sqlite import errors\nerrors._LOST = ()"
    serving = start(Home(broken, no_passphrase), tmp_path, first=unknown)
    try:
        seen = of_group(serving.process.pid)
        with closing(sqlite3.connect(broken / "ca-store" / "rca.sqlite")) as database:
            database.execute("PRAGMA foreign_keys = OFF")
            database.execute("ALTER TABLE certificate RENAME COLUMN number TO gone")
        headers = {"Referer": f"/d/{link}", "Connection": "close"}
        with httpx.Client(base_url=serving.url, headers=headers, timeout=PATIENCE) as client:
            answers = [
                client.post("/", data={"number": number, "password": password}),
                client.get(f"/d/{link}"),
                client.post(f"/d/{link}", data={"visit": link[:8]}),
                client.get(f"/f/{link}"),
                client.get(f"/f/{link}/{number}.p12"),
            ]
        assert any(answer.status_code == 500 for answer in answers)
        seen += of_group(serving.process.pid)
    finally:
        serving.process.kill()
        serving.process.wait()
    assert b"serve" in seen
    seen += serving.log.read_bytes()
    assert b"Traceback" in seen
    for secret in (password, password.replace("-", ""), link, "canary-passphrase"):
        assert secret.encode() not in seen
        assert not any(secret in answer.text for answer in answers)


def test_of_32_concurrent_claims_one_gets_the_file_and_31_the_same_refusal(
    home: Home, issue: Issue, serving: RunningServer
) -> None:
    """Each on a connection of their own, which is open before the first byte goes."""

    async def press(link: str, all_ready: asyncio.Barrier) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", serving.port)
        await all_ready.wait()
        body = f"visit={link[:8]}"
        writer.write(
            f"POST /d/{link} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        answer = await reader.read()
        writer.close()
        return re.sub(rb"(?m)^date: .*?$", b"", answer)

    async def all_at_once(links: list[str]) -> list[bytes]:
        barrier = asyncio.Barrier(len(links))
        return await asyncio.gather(*(press(link, barrier) for link in links))

    for _ in range(5):
        number = issue("android").certificate.number
        # The server has a clock of its own.
        links = [download.make_link(home, number, timedelta(days=3650)) for _ in range(32)]
        answers = asyncio.run(all_at_once(links))
        won = [answer for answer in answers if answer.startswith(b"HTTP/1.1 303")]
        assert len(won) == 1
        lost = {answer for answer in answers if answer not in won}
        assert [answer.split(b"\r\n")[0] for answer in lost] == [b"HTTP/1.1 404 Not Found"]


@hasty
def test_a_slow_client_is_disconnected(serving: RunningServer) -> None:
    with socket.create_connection(("127.0.0.1", serving.port), PATIENCE) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")

        def is_left() -> bool:
            """A byte now and then does not help."""
            try:
                connection.sendall(b"X")
            except ConnectionError:
                return True
            time.sleep(0.1)
            return False

        assert until(is_left)


@hasty
def test_a_silent_connection_is_closed(serving: RunningServer) -> None:
    connection = socket.create_connection(("127.0.0.1", serving.port), PATIENCE)
    with connection, suppress(ConnectionResetError):
        assert connection.recv(1) == b""


def test_a_head_without_end_is_refused(serving: RunningServer) -> None:
    with socket.create_connection(("127.0.0.1", serving.port)) as connection:
        connection.settimeout(PATIENCE)
        connection.sendall(b"GET / HTTP/1.1\r\n" + b"A: " + b"x" * 40_000)
        assert connection.recv(100).startswith(b"HTTP/1.1 400")


@hasty
def test_a_connection_that_is_kept_serves_on(serving: RunningServer) -> None:
    """For longer than it may be silent. Who stands still meanwhile is cut off, and begins anew."""

    def is_kept() -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=PATIENCE)
        with closing(connection), suppress(ConnectionError):
            for _ in range(8):
                connection.request("GET", "/")
                with connection.getresponse() as answer:
                    assert answer.read()
                time.sleep(0.1)
            return True
        return False

    assert any(is_kept() for _ in range(5))


def test_a_download_broken_off_at_any_kibibyte_goes_on(
    home: Home, issue: Issue, serving: RunningServer
) -> None:
    with httpx.Client(base_url=serving.url, timeout=PATIENCE) as client:
        file = Person(client).claimed(issue("iphone")).refresh or ""  # type: ignore[arg-type]
        whole = client.get(file).content
        path = "/" + file.split("/", 3)[3]
        for broken in range(0, len(whole), 1024):
            with socket.create_connection(("127.0.0.1", serving.port)) as connection:
                connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                connection.recv(broken + 1)
            rest = client.get(file, headers={"Range": f"bytes={broken}-"})
            assert whole[:broken] + rest.content == whole


@pytest.mark.parametrize("serving", [3600], indirect=True, ids=["patient"])
def test_the_server_stops_on_a_signal_and_closes_its_connections(serving: RunningServer) -> None:
    with socket.create_connection(("127.0.0.1", serving.port)):
        began = time.monotonic()
        assert serving.stop() == 0
        assert time.monotonic() - began < STOP_SECONDS


STOPPED_EARLY = """
import os, signal, uvicorn
class RunningServer(uvicorn.Server):
    def run(self, **given):
        os.kill(os.getpid(), signal.SIGTERM)
        super().run(**given)
uvicorn.Server = RunningServer
"""


def test_a_signal_before_the_start_stops_the_server(home: Home, tmp_path: Path) -> None:
    serving = start(home, tmp_path, first=STOPPED_EARLY)
    try:
        assert serving.process.wait(PATIENCE) == 0
    finally:
        serving.process.kill()


@pytest.mark.needs("openssl")
def test_it_speaks_tls_by_itself(home: Home, tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-keyout", key, "-out", certificate, "-days", "1", "-subj", "/CN=x"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    serving = start(home, tmp_path, "--tls-cert", str(certificate), "--tls-key", str(key))
    try:
        context = ssl.create_default_context(cafile=str(certificate))
        answer = httpx.get(serving.url, verify=context, timeout=PATIENCE)
        assert answer.status_code == 200
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
    finally:
        assert serving.stop() == 0


def complaint(home: Home, *options: str) -> tuple[int, str]:
    done = Runner({"RCA_HOME": str(home.path), "RCA_LANG": "en"}).process("serve", *options)
    assert "Traceback" not in done.err
    return done.code, done.err


def test_a_start_failure_is_reported_in_one_line(home: Home, tmp_path: Path) -> None:
    assert complaint(home, "--listen", "8080")[0] == 5
    assert complaint(home, "--listen", "127.0.0.1:99999")[0] == 5
    missing = str(tmp_path / "missing.pem")
    assert complaint(home, "--tls-cert", missing)[0] == 5
    assert complaint(home, "--tls-cert", missing, "--tls-key", missing)[0] in {3, 7}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, said = complaint(home, "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert code == 7
    assert "in use" in said
