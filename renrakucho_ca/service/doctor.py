"""What will go wrong next week, looked for this morning: a table of checks, each with what to do.

Nothing here needs the passphrase, and nothing is changed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from renrakucho_ca import profiles
from renrakucho_ca.clock import years_after
from renrakucho_ca.errors import Attention, RcaError, Refused, Unavailable
from renrakucho_ca.model import Authority
from renrakucho_ca.service import ahead, backup, crls, proving
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.signing_time import signing_time
from renrakucho_ca.store import expiry, files, health, hierarchies, ocspfile

LEAST_FREE_BYTES = 200 * 1024 * 1024
"""Room for a CRL of a million entries (53 MB) in DER and PEM, old and new."""

BACKUP_DAYS = 8
"""Days after which a backup is too old: a weekly one that failed once is told."""

CERTIFICATE_YEARS = 10
"""What the shipped profiles give a device."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is or will be wrong; the error's hint says what to do."""

    check: str
    problem: RcaError


def examine(home: Home) -> list[Finding]:
    """Runs every check; one that cannot be run is itself a finding."""
    findings = []
    for name, check in CHECKS.items():
        try:
            findings += [Finding(name, problem) for problem in check(home)]
        except RcaError as error:
            findings.append(Finding(name, error))
    return findings


def _cutoff(home: Home) -> Iterator[RcaError]:
    now = home.clock()
    for hierarchy in hierarchies.all_of(home.db):
        if hierarchy.cutoff is None or now < hierarchy.cutoff:
            continue
        live = expiry.count_cut_off(home.db, hierarchy.name, now)
        if live:
            yield Attention(
                "the cut-off of {name} has come, and {live} of its certificates are not revoked",
                hint="rca expire && rca publish; then look why cron did not do it",
                name=hierarchy.name,
                live=live,
            )


def _crl(home: Home) -> Iterator[RcaError]:
    """An expired CRL locks everyone out: told when three quarters of its life are over."""
    now = home.clock()
    for authority in _authorities(home):
        state = hierarchies.crl_state(home.db, authority)
        if state.this_update is None or state.next_update is None:
            yield Attention(
                "{name} has no CRL: nginx lets nobody in without one",
                hint="rca publish",
                name=authority.name,
            )
        elif now >= state.next_update:
            yield Attention(
                "the CRL of {name} has expired: servers refuse everyone",
                hint="rca publish; for a root whose key is elsewhere, with --root-key FILE",
                name=authority.name,
            )
        elif now >= state.next_update - (state.next_update - state.this_update) / 4:
            yield Attention(
                "the CRL of {name} ends on {end} and was not renewed at half its life",
                hint="rca publish; for a root whose key is elsewhere, with --root-key FILE",
                name=authority.name,
                end=f"{state.next_update:%Y-%m-%d}",
            )
        elif state.carried != state.changes:
            yield Attention(
                "servers do not know yet what was revoked in {name}",
                hint="rca publish; for a root whose key is elsewhere, with --root-key FILE",
                name=authority.name,
            )


def _ocsp(home: Home) -> Iterator[RcaError]:
    """A server that asks by OCSP refuses whom it gets no answer for. The responder's certificate
    ends after the responses that it signed."""
    if not home.settings.ocsp.sign_ahead:
        return
    now = home.clock()
    for authority in _authorities(home):
        if authority.key is None:
            continue
        try:
            with ocspfile.opened(ahead.path_of(home, authority)) as responses:
                head = responses.head
        except FileNotFoundError:
            yield Attention(
                "{name} has no OCSP responses: servers that ask for them refuse everyone",
                hint="rca publish --if-due; then look why cron did not do it",
                name=authority.name,
            )
            continue
        if now >= head.next_update - (head.next_update - head.this_update) / 4:
            yield Attention(
                "the OCSP responses of {name} end on {end} and were not renewed at half their life",
                hint="rca publish --if-due; then look why cron did not do it",
                name=authority.name,
                end=f"{head.next_update:%Y-%m-%d}",
            )


def _published(home: Home) -> Iterator[RcaError]:
    for authority in _authorities(home):
        newest, public = crls.path_of(home, authority), home.public / f"{authority.name}.crl"
        if newest.exists() and public.exists() and newest.stat().st_mtime > public.stat().st_mtime:
            yield Attention("{file} is older than the newest CRL", hint="rca publish", file=public)


def _keys(home: Home) -> Iterator[RcaError]:
    home.keystore.bundle_sealer()
    for authority in _authorities(home):
        if authority.key is not None and not home.keystore.has(authority.key):
            yield Attention(
                "the key of {name} is missing from ca-store/keys",
                hint="restore a backup: nothing can be issued or revoked without it",
                name=authority.name,
            )
    for path in home.keystore.left_over():
        yield Attention(
            "{file} is a CA's key that no hierarchy was recorded for",
            hint="where an older database was put back, it is needed: `rca restore`. Else a "
            "`hierarchy create` died, and it can be deleted",
            file=path,
        )


def _ends(home: Home) -> Iterator[RcaError]:
    now = home.clock()
    for hierarchy in hierarchies.all_of(home.db):
        end = hierarchy.issuing.not_after
        if hierarchy.is_open(now) and end < years_after(now, CERTIFICATE_YEARS) + timedelta(
            days=365
        ):
            yield Attention(
                "{name} ends on {end}: within a year it can issue nothing for ten years",
                hint="make a new hierarchy, and move everyone with `rca migrate`",
                name=hierarchy.name,
                end=f"{end:%Y-%m-%d}",
            )


def _permissions(home: Home) -> Iterator[RcaError]:
    for path in files.not_private(home.store):
        yield Attention(
            "{path} can be read or written by others", hint="chmod go-rwx {path}", path=path
        )


def _settings(home: Home) -> Iterator[RcaError]:
    _ = home.settings
    for name in profiles.names(home.profiles):
        yield from profiles.warnings(profiles.load(home.profiles, name))


def _database(home: Home) -> Iterator[RcaError]:
    for problem in health.damage(home.db):
        yield Attention(
            "the database is damaged: {problem}", hint="restore a backup", problem=problem
        )


def _audit(home: Home) -> Iterator[RcaError]:
    yield from proving.verify(home).problems


def _clock(home: Home) -> Iterator[RcaError]:
    try:
        signing_time(home)
    except Unavailable as problem:
        yield problem


def _intents(home: Home) -> Iterator[RcaError]:
    count = health.old_intents(home.db, home.clock() - timedelta(hours=1))
    if count:
        yield Attention(
            "{count} certificates were begun and not finished",
            hint="the next `rca issue` revokes them",
            count=count,
        )


def _mails(home: Home) -> Iterator[RcaError]:
    failed, late = health.mails(home.db, home.clock() - timedelta(hours=6))
    if failed:
        yield Attention(
            "{count} mails were given up",
            hint="`rca mail list --state failed` shows them; tell those people another way",
            count=failed,
        )
    if late:
        yield Attention(
            "{count} mails have waited for more than six hours",
            hint="rca mail send; then look why cron did not do it",
            count=late,
        )


def _backup(home: Home) -> Iterator[RcaError]:
    """A home that is younger than that needs none yet."""
    oldest = home.clock() - timedelta(days=BACKUP_DAYS)
    last = backup.last(home)
    if last is None and any(each.created_at < oldest for each in hierarchies.all_of(home.db)):
        yield Attention("there is no backup", hint="rca backup FILE, daily from cron")
    elif last is not None and last < oldest:
        yield Attention(
            "the last backup is of {moment}",
            hint="rca backup FILE; then look why cron did not do it",
            moment=f"{last:%Y-%m-%d}",
        )


def _behind(home: Home) -> Iterator[RcaError]:
    try:
        home.refuse_while_behind()
    except Refused as error:
        yield error


def _disk(home: Home) -> Iterator[RcaError]:
    free = shutil.disk_usage(home.store).free
    if free < LEAST_FREE_BYTES:
        yield Attention("{free} MB are free on the disk of the store", free=free // 10**6)


CHECKS: dict[str, Callable[[Home], Iterator[RcaError]]] = {
    "settings": _settings,
    "permissions": _permissions,
    "database": _database,
    "audit": _audit,
    "clock": _clock,
    "keys": _keys,
    "hierarchies": _ends,
    "cut-off": _cutoff,
    "CRL": _crl,
    "OCSP": _ocsp,
    "published": _published,
    "intents": _intents,
    "mails": _mails,
    "backup": _backup,
    "restored": _behind,
    "disk": _disk,
}


def _authorities(home: Home) -> list[Authority]:
    """Every CA that is not past its end."""
    now = home.clock()
    return [
        authority
        for hierarchy in hierarchies.all_of(home.db)
        for authority in hierarchy.authorities
        if now < authority.not_after
    ]
