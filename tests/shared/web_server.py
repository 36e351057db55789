"""A real nginx on loopback ports, with a configuration made by the test."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.shared.programs import must, run
from tests.shared.scene import Device
from tests.shared.waiting import PATIENCE, free_port, until

HOST = "localhost"

_MAIN = """\
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log info;
events {{}}
http {{
    access_log off;
    ssl_protocols TLSv1.2 TLSv1.3;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{http}
}}
"""

_SERVER_BLOCK = """\
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {folder}/server.pem;
        ssl_certificate_key {folder}/server.key;
        {directives}
        location / {{ return 200 "entered with $ssl_client_serial"; }}
    }}
"""


def entered(device: Device) -> str:
    """What a door answers to a device that it lets in; nginx writes whole octets."""
    return f"entered with {device.serial.to_bytes(17, 'big').hex().upper()}"


class Nginx:
    """One server with as many doors as are added before it starts.

    Attributes:
        certificate: the server's own, which clients are to trust.
        reload_script: what an operator would name as `publish_hook`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True)
        self.configuration = folder / "nginx.conf"
        self.certificate = folder / "server.pem"
        self.reload_script = folder / "reload"
        self._nginx = ("nginx", "-p", folder, "-e", folder / "error.log", "-c", self.configuration)
        self._process: subprocess.Popen[bytes] | None = None
        self._http: list[str] = []
        words = " ".join(f"'{word}'" for word in self._nginx)
        self.reload_script.write_text(f"#!/bin/sh -e\n{words} -t\n{words} -s reload\n")
        self.reload_script.chmod(0o755)

    def make_certificate(self, *names: str) -> None:
        """A self-made server certificate for `localhost` and more names."""
        must(
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-noenc", "-days", "2", "-subj", f"/CN={HOST}"),
            *("-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in (HOST, *names))),
            *("-keyout", self._folder / "server.key", "-out", self.certificate),
        )

    def add_server_block(self, directives: str) -> int:
        """A server block that needs a client certificate as the directives say; its port."""
        port = free_port()
        self.add(_SERVER_BLOCK.format(port=port, folder=self._folder, directives=directives))
        return port

    def add(self, http: str) -> None:
        """Anything for the `http` block."""
        self._http.append(http)

    def write(self) -> None:
        self.configuration.write_text(
            _MAIN.format(folder=self._folder, http="\n".join(self._http)), "utf-8"
        )

    def start(self) -> None:
        self.write()
        must(*self._nginx, "-t")
        self._process = subprocess.Popen([str(word) for word in self._nginx])
        until(self._workers)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE)

    def reloaded_by(self, action: Callable[[], object]) -> None:
        """Does what makes nginx reload, and waits until its old worker is gone."""
        before = self._workers()
        action()
        until(lambda: self._workers().isdisjoint(before) and self._workers())

    def reload(self) -> None:
        self.reloaded_by(lambda: must(self.reload_script))

    def check(self) -> str:
        """What `nginx -t` finds wrong; nothing where it starts."""
        self.write()
        tested = run(*self._nginx, "-t")
        return tested.stderr if tested.returncode != 0 else ""

    def _workers(self) -> set[str]:
        assert self._process is not None
        pid = self._process.pid
        assert self._process.poll() is None, (self._folder / "error.log").read_text()
        return set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
