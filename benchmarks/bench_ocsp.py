"""OCSP: signing ahead against the bare signatures, and answers a second.

    python -m benchmarks.bench_ocsp [--certificates 100000] [--seconds 5] [--folder DIR]

The floor signs the same number of messages of the same length by P-256 in two processes, keys and
processes ready. Answers are counted for one core, past HTTP in one process, and over HTTP by what
`rca serve` uses of the processor.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from benchmarks import synthetic
from benchmarks.bench_portal import WebClient, processor_seconds, served
from renrakucho_ca.pki import der
from renrakucho_ca.pki.ocsp_request import HASHES, issuer_hashes
from renrakucho_ca.service.ca.ca_keys import ca_key
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.ocsp import pre_produce, response_file
from renrakucho_ca.store.files import ocsp_responses
from renrakucho_ca.store.tables import hierarchies
from renrakucho_ca.web.app import Portal

ANSWERS_AIM, SIGNING_AIM = "≥ 3,000/s", "≥ 0.85"

_FLOOR = """\
import sys, time
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
key, algorithm = ec.generate_private_key(ec.SECP256R1()), ec.ECDSA(hashes.SHA256())
message = bytes(180)
sys.stdin.read(1)
for _ in range(int(sys.argv[1])):
    key.sign(message, algorithm)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--certificates", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "rca-ocsp")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    path = synthetic.home(options.folder, options.certificates, synthetic.Stock.REVOKED)
    home = synthetic.opened(path)
    for _ in range(options.rounds):
        measure_signing(home)
    requests = requests_for(home, 1000)
    asyncio.run(measure_application(home, requests, options.seconds))
    with served(path) as (port, pid):
        asyncio.run(measure_http(port, pid, requests, options.seconds))


def measure_signing(home: Home) -> None:
    """In turn: the floor, and `rca publish` without its CRL, from the database to the file."""
    hierarchy = hierarchies.get(home.db, "new")
    issuing = hierarchy.issuing
    key = ca_key(home, issuing)
    response_file.path_of(home, issuing).unlink(missing_ok=True)
    began = time.perf_counter()
    count = pre_produce.renew(home, hierarchy, issuing, key, home.clock())
    took = time.perf_counter() - began
    bare = floor(2 * count)
    memory = max(resource.getrusage(which).ru_maxrss for which in PROCESSES) / 1024
    print(
        f"signing ahead for {count:,}, two responses each: {took:.1f} s; bare signatures "
        f"{bare:.1f} s; {bare / took:.2f} of their rate (aim {SIGNING_AIM}); "
        f"the largest process has {memory:.0f} MiB"
    )


PROCESSES = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def floor(signatures: int) -> float:
    """Seconds for so many bare signatures in two processes."""
    command = [sys.executable, "-c", _FLOOR, str(signatures // 2)]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(2)]
    time.sleep(1)
    began = time.perf_counter()
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
    for process in processes:
        process.wait()
    return time.perf_counter() - began


def requests_for(home: Home, count: int) -> list[bytes]:
    """Requests by SHA-1 for certificates all over the file."""
    issuing = hierarchies.get(home.db, "new").issuing
    issuer = issuer_hashes(issuing.certificate)["sha1"]
    algorithm = der.encode(der.OBJECT_IDENTIFIER, HASHES["sha1"]) + b"\x05\x00"
    found = []
    with ocsp_responses.opened(response_file.path_of(home, issuing)) as responses:
        for n in range(count):
            serial = int(responses[n * len(responses) // count].serial, 16)
            identifier = der.encode(
                der.SEQUENCE,
                der.encode(der.SEQUENCE, algorithm),
                der.encode(der.OCTET_STRING, issuer[:20]),
                der.encode(der.OCTET_STRING, issuer[20:]),
                der.integer(serial),
            )
            request = identifier
            for _ in range(4):  # Request, requestList, TBSRequest, OCSPRequest
                request = der.encode(der.SEQUENCE, request)
            ocsp.load_der_ocsp_request(request).public_bytes(Encoding.DER)
            found.append(request)
    return found


def path_for(request: bytes) -> str:
    return "/ocsp/new/" + quote(base64.b64encode(request).decode(), safe="")


async def measure_application(home: Home, requests: list[bytes], seconds: float) -> None:
    """The ASGI application, called straight: no sockets, no parsing of HTTP."""
    portal = Portal(lambda: Home(home.path, lambda is_new: b""))
    scopes = [
        {
            "type": "http",
            "method": "GET",
            "path": "/ocsp/new/" + base64.b64encode(request).decode(),
            "query_string": b"",
            "headers": [],
            "client": ("127.0.0.1", 1),
            "scheme": "http",
            "server": ("localhost", 80),
        }
        for request in requests
    ]

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        assert message.get("status", 200) == 200

    count, used = 0, time.process_time()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        await asyncio.gather(
            *(portal.asgi(dict(scope), receive, send) for scope in scopes[:50])  # type: ignore[arg-type]
        )
        scopes = scopes[50:] + scopes[:50]
        count += 50
    used = time.process_time() - used
    portal.close()
    print(f"answers past HTTP: {count / used:,.0f} in a second of one core (aim {ANSWERS_AIM})")


async def measure_http(port: int, pid: int, requests: list[bytes], seconds: float) -> None:
    """Sixteen connections that are kept; the log goes to a file."""
    paths = [path_for(request) for request in requests]
    count, used = 0, processor_seconds(pid)
    end = time.perf_counter() + seconds

    async def one(first: int) -> None:
        nonlocal count
        client = WebClient(port)
        while time.perf_counter() < end:
            assert await client.ask("GET", paths[(first + count) % len(paths)]) == 200
            count += 1

    await asyncio.gather(*(one(n * 50) for n in range(16)))
    used = processor_seconds(pid) - used
    print(
        f"answers over HTTP: {count / used:,.0f} in a second of one core; "
        f"{count / seconds:,.0f}/s by the clock"
    )


if __name__ == "__main__":
    main()
