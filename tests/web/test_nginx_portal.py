"""examples/nginx-portal.conf before a real `rca serve`: only paths and ports are changed."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from renrakucho_ca.service.home import Home
from renrakucho_ca.service.retrieval import download
from tests.shared.homes import Issue
from tests.shared.serving import RunningServer
from tests.shared.waiting import PATIENCE, free_port, until

from .person import Person
from .serving import start

pytestmark = pytest.mark.needs("nginx", "openssl")

EXAMPLE = Path(__file__).parents[2] / "examples" / "nginx-portal.conf"


class NginxPortal:
    """nginx with the example, and the portal behind it."""

    def __init__(self, folder: Path, home: Home, serving: RunningServer) -> None:
        self.folder, self.serving = folder, serving
        self.plain, self.tls = free_port(), free_port()
        certificate, key = folder / "fullchain.pem", folder / "privkey.pem"
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"),
                *("ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", certificate),
                *("-days", "1", "-subj", "/CN=x", "-addext", "subjectAltName=DNS:ca.example.jp"),
            ],
            check=True,
            capture_output=True,
        )
        text = EXAMPLE.read_text()
        text = re.sub(r"^    listen \[::\].*\n", "", text, flags=re.M)
        for old, new in (
            ("listen 80;", f"listen 127.0.0.1:{self.plain};"),
            ("listen 443 ", f"listen 127.0.0.1:{self.tls} "),
            ("/etc/ssl/ca.example.jp", str(folder)),
            ("/srv/rca/public", str(home.public)),
            ("/var/log/nginx", str(folder)),
            ("127.0.0.1:8080", f"127.0.0.1:{serving.port}"),
        ):
            assert old in text, old
            text = text.replace(old, new)
        (folder / "portal.conf").write_text(text)
        (folder / "nginx.conf").write_text(
            f"user root;\nworker_processes 1;\npid {folder}/pid;\ndaemon off;\n"
            f"events {{}}\nhttp {{ include {folder}/portal.conf; }}\n"
        )
        self.nginx = subprocess.Popen(
            ["nginx", "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "error.log"]
        )
        until(self._listens)

    def _listens(self) -> bool:
        assert self.nginx.poll() is None, (self.folder / "error.log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.tls)) == 0

    def stop(self) -> None:
        self.nginx.terminate()
        self.nginx.wait(PATIENCE)
        self.serving.stop()


@pytest.fixture
def site(home: Home, tmp_path: Path) -> Iterator[NginxPortal]:
    settings = home.path / "rca.yaml"
    before = settings.read_text()
    settings.write_text(re.sub(r"trusted_proxies: \[.*\]", "trusted_proxies: [127.0.0.1]", before))
    try:
        site = NginxPortal(tmp_path, home, start(home, tmp_path))
    finally:
        settings.write_text(before)
    yield site
    site.stop()


def test_the_example_carries_people_to_their_file_and_keeps_its_log_clean(
    home: Home, issue: Issue, site: NginxPortal
) -> None:
    issued = issue("windows")
    link = download.make_link(home, issued.certificate.number)
    url = f"https://127.0.0.1:{site.tls}"
    headers = {"Host": "ca.example.jp", "X-Forwarded-For": "203.0.113.9"}
    with httpx.Client(base_url=url, verify=False, headers=headers, timeout=PATIENCE) as client:
        nurse = Person(client)  # type: ignore[arg-type]
        form = nurse.open("/")
        assert form.response.headers["strict-transport-security"]
        done = nurse.claimed(issued)
        assert client.get(done.refresh or "").status_code == 200
        client.get(f"/d/{link}")
        assert client.post("/", content=b"x" * 10_000).status_code == 413
        nurse.enter_password("10000009", "wrong")
        crl = client.get("/crl/new-issuing.crl")
        assert crl.headers["content-type"] == "application/pkix-crl"
        assert crl.content == (home.public / "new-issuing.crl").read_bytes()
        assert client.get("/crl/new-crl.pem").status_code == 404
    # What the client claims of itself was not believed.
    row = home.db.row("SELECT name FROM guess WHERE kind = 'address'")
    assert row is not None
    assert row["name"] == "127.0.0.1"
    url, headers = f"http://127.0.0.1:{site.plain}", {"Host": "ca.example.jp"}
    with httpx.Client(base_url=url, headers=headers, timeout=PATIENCE) as client:
        plain, login = client.get("/ca/new-root.cer"), client.get("/")
    assert plain.headers["content-type"] == "application/pkix-cert"
    assert (login.status_code, login.headers["location"]) == (301, "https://ca.example.jp/")
    site.stop()
    token = (done.refresh or "").split("/f/")[1].split("/")[0]
    logs = "".join(path.read_text() for path in site.folder.glob("*log"))
    assert "/d/..." in logs
    for secret in (link, token, issued.password):
        assert secret not in logs
