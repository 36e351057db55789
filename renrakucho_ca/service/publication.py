"""What servers need to let the right people in: CA certificates, CRLs, nginx snippets.

A CRL that is missing or past its end locks everyone out (nginx answers 400), so each is parsed and
its signature verified before it replaces the one before, and is renewed at half its life.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

from renrakucho_ca.errors import Unavailable
from renrakucho_ca.model import Authority, Hierarchy
from renrakucho_ca.pki import certificates, crl, x509
from renrakucho_ca.service import (
    ahead,
    ca_signing,
    catching_up,
    checkpoints,
    crls,
    nginx,
    revocation,
)
from renrakucho_ca.service.hierarchy import ca_key
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.signing_time import signing_time
from renrakucho_ca.store import files, hierarchies

HOOK_SECONDS = 60
"""How long `publish_hook` may take; a reload of nginx takes well under one."""

_LONGEST_COMPLAINT = 300
"""Bytes of what a failed hook said that are shown."""


@dataclass(frozen=True, slots=True)
class Publication:
    """What was done.

    Attributes:
        files: all that was written, in order.
        renewed: the CAs that signed a new CRL, as `new-issuing`.
        overdue: the CAs whose CRL needs renewing and whose key is not here.
        responses: for how many certificates OCSP responses were signed.
    """

    files: tuple[Path, ...]
    renewed: tuple[str, ...]
    overdue: tuple[str, ...]
    responses: int


def publish(
    home: Home,
    *,
    out: Path | None = None,
    if_due: bool = False,
    root_key: Path | None = None,
    trust_clock: bool = False,
) -> Publication:
    """Renews CRLs, writes everything that servers need, and tells them (`publish_hook`).

    Args:
        out: the folder; by default `public` in the home.
        if_due: only CRLs at half their life or behind a revocation are renewed.
        root_key: a file with the key of a root that is not kept in the store.
        trust_clock: the operator knows that it is right, though CRLs were signed after now: it was
            ahead then.

    Raises:
        Refused: the store was restored, and does not know what was revoked since.
        Unavailable: the passphrase is wrong, the disk is full, the hook failed, the clock is
            behind.
    """
    catching_up.refuse_to_forget(home)
    folder = out or home.public
    renewed: list[str] = []
    overdue: list[str] = []
    written: list[Path] = []
    with home.lock("publishing").exclusive():
        # Not before: whoever had to wait would sign a CRL older than the one that it follows.
        now = home.clock() if trust_clock else signing_time(home)
        everything = hierarchies.all_of(home.db)
        if root_key is not None:
            _refuse_stray(home, root_key, everything)
        files.make_folder(folder, files.PUBLIC_FOLDER)
        if not if_due:
            _owe_hook(home)
        for hierarchy in everything:
            if hierarchy.cutoff is not None and hierarchy.cutoff <= now:
                # Cron should have done it; a CRL without these would open the door again.
                revocation.revoke_all(home, hierarchy, now)
            damaged = [each for each in hierarchy.authorities if crls.is_damaged(home, each)]
            for authority in hierarchy.authorities:
                due = authority in damaged or crls.is_due(home, hierarchy, authority, now)
                if now >= authority.not_after or (if_due and not due):
                    continue
                key = ca_key(home, authority, root_key)
                if key is not None:
                    _owe_hook(home)
                    crls.renew(home, hierarchy, authority, key, now)
                    renewed.append(authority.name)
                    damaged = [each for each in damaged if each != authority]
                elif due:
                    overdue.append(authority.name)
            bridges = ca_signing.bridges(home, hierarchy.name, now)
            written += _write_files(home, hierarchy, bridges, folder, damaged)
            for other in everything:
                if other.name not in bridges:  # it has ended, or was revoked
                    _bridge_file(folder, hierarchy, other.name).unlink(missing_ok=True)
        # Last: for a million certificates it takes a minute, and the CRLs are out by then.
        _run_hook(home)
        responses = _sign_responses(home, root_key)
    return Publication(tuple(written), tuple(renewed), tuple(overdue), responses)


def _sign_responses(home: Home, root_key: Path | None) -> int:
    """Signs the OCSP responses that are due; returns for how many certificates."""
    now = home.clock()
    return sum(
        ahead.renew(home, hierarchy, authority, ca_key(home, authority, root_key), now)
        for hierarchy in hierarchies.all_of(home.db)
        for authority in hierarchy.authorities
        if root_key is not None or ahead.is_due(home, hierarchy, authority, now)
    )


def _refuse_stray(home: Home, root_key: Path, everything: Iterable[Hierarchy]) -> None:
    """A key that no CA waits for is a mistake: the CRL that it was brought for would not come."""
    name = home.keystore.name_in(root_key)
    authorities = (authority for hierarchy in everything for authority in hierarchy.authorities)
    if not any(each.name == name and each.key is None for each in authorities):
        raise Unavailable(
            "{path} is the key of {found}, and no CA here lacks that one",
            path=root_key,
            found=repr(name),
        )


def _bridge_file(folder: Path, hierarchy: Hierarchy, by: str) -> Path:
    return folder / f"{hierarchy.name}-cross-{by}.pem"


def _write_files(
    home: Home,
    hierarchy: Hierarchy,
    bridges: Mapping[str, bytes],
    folder: Path,
    damaged: Sequence[Authority],
) -> list[Path]:
    """Writes what concerns one hierarchy; each file is read back before it replaces the old one.

    Bridges stand in files of their own: in chain or root they would open doors to others.

    Args:
        damaged: the CAs whose CRL in the store is, and could not be signed anew: what servers have
            of them is better, and stays.
    """
    root = certificates.load(hierarchy.root.certificate)
    issuing = certificates.load(hierarchy.issuing.certificate)
    certificates.check_issued(issuing, root)
    written: list[Path] = []

    def put(name: str, content: Iterable[bytes], check: Callable[[Path], object]) -> None:
        files.replace(folder / name, content, files.PUBLIC_FILE, check)
        written.append(folder / name)

    def put_exactly(name: str, content: Iterable[bytes]) -> None:
        """The bytes are proven by their digest: a long list takes no memory."""
        before, after = sha256(), sha256()

        def check(new: Path) -> None:
            for piece in files.pieces(new):
                after.update(piece)
            if before.digest() != after.digest():
                raise Unavailable("{file} was not written as it should be", file=name)

        put(name, _passing(content, before.update), check)

    def put_chain(suffix: str, *chain: x509.Certificate) -> None:
        put_exactly(f"{hierarchy.name}-{suffix}.pem", map(certificates.to_pem, chain))

    put_chain("root", root)
    put_chain("issuing", issuing)
    put_chain("chain", *([issuing] if issuing == root else [issuing, root]))
    for by, der in bridges.items():
        put_exactly(
            _bridge_file(folder, hierarchy, by).name,
            [certificates.to_pem(certificates.load(der))],
        )
    lists: list[Path] = []
    for authority in hierarchy.authorities:
        certificate = certificates.load(authority.certificate)
        put_exactly(f"{authority.name}.cer", [authority.certificate])
        path = crls.path_of(home, authority)
        if path.exists() and authority not in damaged:
            put(f"{authority.name}.crl", files.pieces(path), partial(crls.prove, certificate))
            lists.append(folder / f"{authority.name}.crl")
    checkpoint = checkpoints.path_of(home, hierarchy.name)
    if checkpoint.exists():
        put_exactly(checkpoint.name, files.pieces(checkpoint))
    if len(lists) == len(hierarchy.authorities):
        # nginx wants a CRL of every CA of the chain in one file, or it lets nobody in.
        text = (piece for path in lists for piece in crl.to_pem(files.pieces(path)))
        put_exactly(f"{hierarchy.name}-crl.pem", text)
        put_exactly(f"nginx-{hierarchy.name}.conf", [nginx.door(hierarchy.name, folder.resolve())])
    return written


def _passing(pieces: Iterable[bytes], look: Callable[[bytes], object]) -> Iterator[bytes]:
    """The same pieces, each shown to `look` on its way."""
    for piece in pieces:
        look(piece)
        yield piece


def _pending(home: Home) -> Path:
    return home.store / "publish-hook.pending"


def _owe_hook(home: Home) -> None:
    """Remembers that `publish_hook` is due, before there is anything new to tell.

    Whatever fails from then on, the next `publish --if-due` runs it: else servers would keep the
    old CRL until it ends, and then refuse everyone.
    """
    if home.settings.publish_hook is not None:
        files.replace(_pending(home), b"")


def _run_hook(home: Home) -> None:
    """Runs `publish_hook` where it is due: as a rule a test and reload of nginx. No shell."""
    command = home.settings.publish_hook
    if command is None or not _pending(home).exists():
        return
    try:
        code, said = _run(command, home.path)
    except OSError as error:
        raise Unavailable(
            "the files are written, but publish_hook could not be run: {reason}",
            reason=error.strerror,
        ) from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(
            "the files are written, but publish_hook did not end within {seconds} seconds",
            seconds=HOOK_SECONDS,
        ) from error
    if code != 0:
        raise Unavailable(
            "the files are written, but publish_hook ended with {code}: {said}",
            code=code,
            said=said,
        )
    _pending(home).unlink()


def _run(command: Sequence[str], folder: Path) -> tuple[int, str]:
    """Runs a program; gives its exit code and what it complained of.

    Its complaints go to a file, not through a pipe: what it leaves running, as a start of nginx
    does, would hold a pipe open for ever. What it started is killed with it, where it takes too
    long.
    """
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            start_new_session=True,
        )
        try:
            code = process.wait(HOOK_SECONDS)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        complaints.seek(0)
        # nginx and systemctl say what is wrong first, and last that something is.
        said = complaints.read(_LONGEST_COMPLAINT).decode(errors="replace").strip()
        return code, "; ".join(said.splitlines())
