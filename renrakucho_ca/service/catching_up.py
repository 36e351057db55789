"""What happened after a backup, learned again: else numbers would be reused, revocations forgotten.

A store that was restored knows nothing of what came after its backup. The published CRLs tell which
certificates were revoked meanwhile, also such as the store has never heard of.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from renrakucho_ca.errors import Invalid, RcaError, Refused
from renrakucho_ca.model import Authority, Revocation
from renrakucho_ca.pki import crl, takeover
from renrakucho_ca.pki.takeover import FoundCrl, Kind
from renrakucho_ca.service import crls, takeover_files
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.planning import draw_number
from renrakucho_ca.store import certificates, files, hierarchies, issuing, learning
from renrakucho_ca.store import takeover as store_takeover


@dataclass
class Learned:
    """What the store did not know.

    Attributes:
        revoked: certificates of the store that CRLs list.
        strangers: certificates that CRLs list, and of which nothing else is known.
    """

    revoked: int = 0
    strangers: int = 0


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """What was learned, from which files nothing was and why, and whether that is enough."""

    learned: Learned
    problems: list[tuple[Path, RcaError]]
    is_behind: bool


def begin(home: Home, marker: Path) -> None:
    """Writes what makes a store know that it was restored.

    Args:
        home: into which a backup is about to be put.
        marker: what will be its `Home.behind`.
    """
    files.replace(marker, _marker(has_crls=bool(_published(home))))


def catch_up(
    home: Home, crl_files: Sequence[Path] = (), *, without_journal: bool = False
) -> CaughtUp:
    """Learns all that the home's own files and those that are given can tell. Can be repeated.

    Args:
        crl_files: CRLs from elsewhere, in DER or PEM.
        without_journal: there is none, and the store is to be used without.

    Raises:
        Invalid: a file that was given is no CRL of a CA of this home.
    """
    learned = Learned()
    for path, problem in _from_crls(home, crl_files, learned):
        raise Invalid("{file}: {problem}", file=path, problem=problem)
    problems = _from_crls(home, _published(home), learned)
    if home.behind.exists():
        if without_journal:
            home.behind.unlink()
            files.sync_folder(home.store)
        elif crl_files:
            files.replace(home.behind, _marker(has_crls=True))
    return CaughtUp(learned, problems, home.behind.exists())


def refuse_to_forget(home: Home) -> None:
    """Servers are told of no fewer revocations than they know.

    Raises:
        Refused: the store was restored, and nothing told it what was revoked since.
    """
    if home.behind.exists() and not json.loads(home.behind.read_bytes())["has_crls"]:
        raise Refused(
            "the store was restored and does not know what was revoked after its backup",
            hint="rca restore --journal FILE, or --crl with each CRL that servers have; where all "
            "are lost: rca restore --without-journal",
        )


def _marker(*, has_crls: bool) -> bytes:
    return json.dumps({"has_crls": has_crls}).encode()


def _published(home: Home) -> list[Path]:
    """The CRLs that a home has: in the store, and as servers have them."""
    return sorted([*(home.store / "crl").glob("*.crl"), *home.public.glob("*.crl")])


def _from_crls(home: Home, paths: Iterable[Path], learned: Learned) -> list[tuple[Path, RcaError]]:
    """Revokes whatever the CRLs list; their entries stand on every later CRL.

    Returns:
        Which files told nothing, and why.
    """
    problems: list[tuple[Path, RcaError]] = []
    authorities = [each for one in hierarchies.all_of(home.db) for each in one.authorities]
    for path in paths:
        try:
            for der in _lists(path):
                found = takeover.load_crl(der, [each.certificate for each in authorities])
                _learn(home, authorities[found.issuer], found, learned)
                _keep_newest(home, authorities[found.issuer], found, der)
        except Invalid as error:
            problems.append((path, error))
    return problems


def _lists(path: Path) -> Iterator[bytes]:
    """The CRLs in a file, in DER."""
    count = 0
    for piece in takeover_files.pieces(path):
        if isinstance(piece, tuple):
            raise piece[1]
        if piece.kind is Kind.CRL:
            count += 1
            yield piece.der
    if not count:
        raise Invalid("this is not a CRL that can be read")


def _learn(home: Home, authority: Authority, found: FoundCrl, learned: Learned) -> None:
    with home.db.write():
        store_takeover.raise_crl_number(home.db, authority.id, found.number)
        intents = {each.serial: each for each in issuing.left_over(home.db)}
        for serial, revocation in found.revocations():
            entry = crl.entry(serial, revocation.at, revocation.reason)
            known = learning.standing(home.db, authority, serial)
            if known is not None:
                number, standing = known
                if standing == "revoked" or (standing == "held" and revocation.is_hold):
                    continue
                certificates.revoke(home.db, number, revocation, entry)
                learned.revoked += 1
            elif (intent := intents.get(serial)) and intent.authority == authority.id:
                issuing.abandon(home.db, intent, revocation, entry)
                learned.revoked += 1
            else:
                _put_stranger(home, authority, serial, revocation, entry)
                learned.strangers += 1


def _put_stranger(
    home: Home, authority: Authority, serial: int, revocation: Revocation, entry: bytes
) -> None:
    while not learning.put_stranger(
        home.db, authority, serial, draw_number(home.random), revocation, entry
    ):
        pass


def _keep_newest(home: Home, authority: Authority, found: FoundCrl, der: bytes) -> None:
    """The newest CRL is the one that is published until the next is signed: none goes back."""
    path = crls.path_of(home, authority)
    try:
        before = takeover.load_crl(path.read_bytes(), [authority.certificate]).number
    except (FileNotFoundError, Invalid):
        before = -1
    if found.number > before:
        files.make_folder(path.parent)
        files.replace(path, der)
