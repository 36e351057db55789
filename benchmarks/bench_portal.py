"""The portal under load: form, claims, and the form while guesses hammer it; hand-over sheets.

    python -m benchmarks.bench_portal [--seconds 5] [--claims 400] [--sheets 1000]

A server is started for a home made for this, on a core of its own where there are two; the clients
keep their connections. The claims' floor is SQLite's own: one row a transaction, as durable.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ipaddress
import os
import re
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

from renrakucho_ca.bundle import password
from renrakucho_ca.model import RetrievalNumber, User
from renrakucho_ca.service.hierarchy import creation
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance import issuance
from renrakucho_ca.service.issuance.issuer import Issued
from renrakucho_ca.service.issuance.planner import IssuanceRequest
from renrakucho_ca.service.retrieval import download

FORM_AIM, CLAIM_AIM, P99_AIM = "≥ 1,000/s", "≥ 200/s", "< 50 ms"
SHEETS_AIM = "< 10 s, < 200 MB"
PASSPHRASE = b"benchmark"


class WebClient:
    """One connection that is kept."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: str = "", client: str = "") -> int:
        """Sends a request, reads the answer; returns its status."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        forwarded = f"X-Forwarded-For: {client}\r\n" if client else ""
        writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{forwarded}"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        if length:
            await reader.readexactly(int(length[1]))
        return int(head.split(b" ", 2)[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--claims", type=int, default=400)
    parser.add_argument("--sheets", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home, issued = make_home(Path(folder) / "home", max(options.claims, options.sheets))
        print_sheets(home, issued[: options.sheets])
        print(f"argon2id, one verification: {hash_milliseconds():.2f} ms")
        print(f"SQLite, durable transactions like a claim's: {floor(home):,.0f}/s")
        with served(home.path) as (port, pid):
            asyncio.run(measure(home, port, pid, issued[: options.claims], options.seconds))


def print_sheets(home: Home, issued: list[Issued]) -> None:
    """Hand-over sheets by the whole program. The first child process, so its peak is the peak."""
    passphrase = home.path / "passphrase"
    passphrase.write_bytes(PASSPHRASE)
    command = [
        *(sys.executable, "cli.py", "--home", str(home.path)),
        *("--passphrase-file", str(passphrase)),
        *("handover", "--out", str(home.path / "sheets.html")),
    ]
    began = time.perf_counter()
    numbers = [each.certificate.number for each in issued]
    subprocess.run([*command, *numbers], check=True, stdout=subprocess.DEVNULL)
    took = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"sheets: {len(issued):,} in {took:.1f} s, {used.ru_utime + used.ru_stime:.1f} s of the "
        f"processor, {used.ru_maxrss / 1024:.0f} MB (aim for 5,000: {SHEETS_AIM})"
    )


async def measure(home: Home, port: int, pid: int, issued: list[Issued], seconds: float) -> None:
    before = processor_seconds(pid)
    times = await hammer_form(port, seconds, connections=16)
    used = processor_seconds(pid) - before
    print(
        f"form: {len(times) / used:,.0f} in a second of one core (aim {FORM_AIM}); "
        f"{len(times) / seconds:,.0f}/s by the clock, p99 {p99(times):.1f} ms"
    )
    before = processor_seconds(pid)
    rate = await claim_all(home, port, issued)
    used = (processor_seconds(pid) - before) / len(issued) * 1000
    print(
        f"claims: {rate:,.0f}/s (aim {CLAIM_AIM}), {rate / floor(home):.2f} of the disk's; "
        f"{used:.1f} ms of the processor each"
    )
    stop = asyncio.Event()
    attempts = asyncio.create_task(attempt(port, 50, stop))
    times = await visit_form(port, seconds, every=0.01)
    stop.set()
    print(
        f"form under {await attempts / seconds:.0f} guesses/s: p99 {p99(times):.1f} ms "
        f"(aim {P99_AIM}), longest {max(times) * 1000:.1f} ms, {len(times)} visits"
    )


async def hammer_form(port: int, seconds: float, connections: int) -> list[float]:
    """As many requests as go; returns how long each took."""
    times: list[float] = []
    end = time.perf_counter() + seconds

    async def one() -> None:
        client = WebClient(port)
        while (began := time.perf_counter()) < end:
            assert await client.ask("GET", "/") == 200
            times.append(time.perf_counter() - began)

    await asyncio.gather(*(one() for _ in range(connections)))
    return times


async def claim_all(home: Home, port: int, issued: list[Issued]) -> float:
    """Claims everything by links, thirty-two at a time; returns how many a second."""
    with home.db.write():
        links = [download.make_link(home, each.certificate.number) for each in issued]
    began = time.perf_counter()

    async def one(part: list[str]) -> None:
        client = WebClient(port)
        for link in part:
            assert await client.ask("POST", f"/{download.link_path(link)}", "visit=x") == 303

    await asyncio.gather(*(one(links[i::32]) for i in range(32)))
    return len(links) / (time.perf_counter() - began)


async def attempt(port: int, rate: int, stop: asyncio.Event) -> int:
    """Wrong guesses at that rate, each at another number from another address; returns how many."""
    count = 0
    clients = [WebClient(port) for _ in range(8)]
    began = time.perf_counter()
    while not stop.is_set():
        number = RetrievalNumber(RetrievalNumber.LOWEST + count)
        body = urlencode({"number": number, "password": "abcd-efgh-jkmn"})
        address = str(ipaddress.IPv4Address(0x0A000000 + count))
        assert await clients[count % 8].ask("POST", "/", body, address) in {403, 503}
        count += 1
        await asyncio.sleep(max(0, began + count / rate - time.perf_counter()))
    return count


async def visit_form(port: int, seconds: float, every: float) -> list[float]:
    """How long the form takes a visitor who comes now and then."""
    client, times = WebClient(port), []
    end = time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        await client.ask("GET", "/")
        times.append(time.perf_counter() - began)
        await asyncio.sleep(every)
    return times


def processor_seconds(pid: int) -> float:
    """What a process has used so far: other load on the machine does not count."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)] * 1000


def hash_milliseconds() -> float:
    phc = password.hash("abcd-efgh-jkmn", os.urandom)
    began = time.perf_counter()
    for _ in range(100):
        password.verify(phc, "abcd-efgh-2345")
    return (time.perf_counter() - began) * 10


def floor(home: Home) -> float:
    """What the disk can do: transactions a second that delete a bundle and insert another row.

    As durable as ours, and with the same overwriting.
    """
    with contextlib.closing(sqlite3.connect(home.store / f"floor-{time.time()}.sqlite")) as db:
        db.isolation_level = None
        db.execute("PRAGMA synchronous = EXTRA")
        db.execute("PRAGMA secure_delete = ON")
        db.execute("CREATE TABLE bundle (id INTEGER PRIMARY KEY, sealed BLOB)")
        db.execute("CREATE TABLE handout (id INTEGER PRIMARY KEY, sealed BLOB)")
        db.execute("BEGIN")
        db.executemany("INSERT INTO bundle VALUES (?, ?)", [(n, bytes(2000)) for n in range(200)])
        db.execute("COMMIT")
        began = time.perf_counter()
        for n in range(200):
            db.execute("BEGIN IMMEDIATE")
            db.execute("DELETE FROM bundle WHERE id = ?", (n,))
            db.execute("INSERT INTO handout VALUES (?, ?)", (n, bytes(8000)))
            db.execute("COMMIT")
        return 200 / (time.perf_counter() - began)


def make_home(folder: Path, count: int) -> tuple[Home, list[Issued]]:
    home = Home(folder, lambda is_new: PASSPHRASE)
    home.create(None, None)
    text = (folder / "rca.yaml").read_text()
    (folder / "rca.yaml").write_text(
        text.replace("trusted_proxies: []", "trusted_proxies: [127.0.0.1]").replace(
            "public_url: null", "public_url: https://ca.example.jp"
        )
    )
    creation.create(home, "new")
    requests = [IssuanceRequest.parse(User.parse(f"user-{n}"), "iphone") for n in range(count)]
    results = issuance.issue(home, requests, "new")
    return home, [each for each in results if isinstance(each, Issued)]


@contextlib.contextmanager
def served(folder: Path) -> Iterator[tuple[int, int]]:
    """`rca serve` on a port of the system's choice, on the last core. Its log goes to a file."""
    log = folder / "portal.log"
    cores = sorted(os.sched_getaffinity(0))
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "cli.py", "--home", str(folder), "serve", "--listen", "127.0.0.1:0"],
            stderr=stream,
        )
    os.sched_setaffinity(process.pid, {cores[-1]})
    try:
        while not (found := re.search(r"http://127.0.0.1:(\d+)/", log.read_text())):
            time.sleep(0.05)
        yield int(found[1]), process.pid
    finally:
        process.terminate()
        process.wait(30)


if __name__ == "__main__":
    main()
