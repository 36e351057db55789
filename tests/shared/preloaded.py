"""Starts `rca` by a fork of a process that has imported it: an import takes longer than a command.

    worker of the tests ── request, stdout, stderr ──▶ preloaded process ── fork ──▶ the command
                        ◀────── exit status ──────────────────────────────┘

The command is a process of its own, with its own folder, environment, descriptors and signals.
"""

from __future__ import annotations

import array
import atexit
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from threading import Thread

CHECKOUT = Path(__file__).parents[2]
RECORDING = Path(__file__).parent / "recording"


class Preloaded:
    """The process, as the tests see it."""

    def __init__(self) -> None:
        self._socket = Path(tempfile.mkdtemp()) / "socket"
        # The recorder of signatures is imported by it, and works where a command has its variable.
        environment = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(RECORDING),
            "RCA_SIGNING_LOG": os.devnull,
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(self._socket))
            listening.listen(128)
            command = [sys.executable, __file__, str(listening.fileno())]
            descriptors = (listening.fileno(),)
            # Its standard input ends with the process that runs the tests, and it with that.
            self._process = subprocess.Popen(
                command, env=environment, pass_fds=descriptors, stdin=subprocess.PIPE
            )
        atexit.register(self._end)

    def run(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], umask: int
    ) -> tuple[int, str, str]:
        """Runs a command to its end; returns its exit code, or -signal, and its output."""
        request = json.dumps([list(arguments), str(folder), dict(environment), umask]).encode()
        with (
            socket.socket(socket.AF_UNIX) as connection,
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
        ):
            connection.connect(str(self._socket))
            descriptors = array.array("i", [out.fileno(), err.fileno()])
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)]
            connection.sendmsg([len(request).to_bytes(4, "big")], rights)
            connection.sendall(request)
            status = int(connection.makefile().read())
            out.seek(0)
            err.seek(0)
            printed, complained = (
                each.read().decode(errors="surrogateescape") for each in (out, err)
            )
        return os.waitstatus_to_exitcode(status), printed, complained

    def _end(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._socket.unlink()
        self._socket.parent.rmdir()


def _serve(listening: socket.socket) -> None:
    """The other side: a process for each connection, which starts the command and awaits it."""
    sys.path[0] = str(CHECKOUT)
    _import_all()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    Thread(target=_end_with_the_tests, daemon=True).start()
    while True:
        connection, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _answer(connection)
            os._exit(0)
        connection.close()


def _import_all() -> None:
    import renrakucho_ca

    for module in pkgutil.walk_packages(renrakucho_ca.__path__, "renrakucho_ca."):
        if not module.name.startswith(("renrakucho_ca.web", "renrakucho_ca.pki.token")):
            import_module(module.name)


def _end_with_the_tests() -> None:
    sys.stdin.read()
    os._exit(0)


def _answer(connection: socket.socket) -> None:
    head, ancillary, _, _ = connection.recvmsg(4, socket.CMSG_SPACE(8))
    ((_, _, data),) = ancillary
    out, err = array.array("i", data)
    with connection.makefile("rb") as stream:
        arguments, folder, environment, umask = json.loads(stream.read(int.from_bytes(head, "big")))
    pid = os.fork()
    if pid == 0:
        connection.close()
        _become(arguments, folder, environment, umask, out, err)
    _, status = os.waitpid(pid, 0)
    connection.sendall(str(status).encode())


def _become(
    arguments: list[str], folder: str, environment: dict[str, str], umask: int, out: int, err: int
) -> None:
    os.chdir(folder)
    os.umask(umask)
    os.environ.clear()
    os.environ.update(environment)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, descriptor in enumerate((nothing, out, err)):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.argv = [str(CHECKOUT / "cli.py"), *arguments]
    from renrakucho_ca.cli import main

    code: object = 1
    try:
        main()
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
