"""Checks of CRLs, OCSP responses, cut-offs, published files and the hook."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from renrakucho_ca.clock import half_life
from renrakucho_ca.errors import Invalid
from renrakucho_ca.model import Authority, Hierarchy
from renrakucho_ca.pki import certificate_scanner
from renrakucho_ca.service.ca import crls
from renrakucho_ca.service.doctor.finding import Finding, new_problem, new_warning
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.ocsp import response_file
from renrakucho_ca.service.publication import artifacts, publish_hook
from renrakucho_ca.store import files
from renrakucho_ca.store.files import ocsp_responses
from renrakucho_ca.store.tables import expiry, hierarchies

GRACE = timedelta(days=1)
"""Tolerance for a daily cron job."""

HOOK_GRACE = timedelta(hours=1)

_PUBLISH = "run `rca publish`; add `--root-key FILE|URI` if the root's key is kept elsewhere"


def cutoff(home: Home) -> Iterator[Finding]:
    now = home.clock()
    for hierarchy in hierarchies.all_of(home.db):
        if hierarchy.cutoff is None or now < hierarchy.cutoff:
            continue
        live = expiry.count_cut_off(home.db, hierarchy.name, now)
        if live:
            yield new_problem(
                "the cut-off of {name} has passed, and {live} of its certificates are not revoked",
                hint="run `rca expire && rca publish`, then check why cron did not",
                name=hierarchy.name,
                live=live,
            )


def crl(home: Home) -> Iterator[Finding]:
    """Report missing, expired, late and incomplete CRLs: servers refuse all clients."""
    now = home.clock()
    for authority in live_authorities(home):
        name, state = authority.name, hierarchies.crl_state(home.db, authority)
        if state.this_update is None or state.next_update is None:
            yield _without_crl(home, authority, now)
        elif now >= state.next_update:
            yield new_problem(
                "the CRL of {name} has expired: servers refuse all clients",
                hint=_PUBLISH,
                name=name,
            )
        elif now > half_life(state.this_update, state.next_update) + GRACE:
            yield new_warning(
                "the CRL of {name} expires on {end} and was not renewed in time",
                hint=_PUBLISH,
                name=name,
                end=state.next_update.date(),
            )
        elif state.carried != state.changes:
            yield new_problem(
                "the published CRL of {name} lacks the latest revocations",
                hint=_PUBLISH,
                name=name,
            )


def _without_crl(home: Home, authority: Authority, now: datetime) -> Finding:
    end = _last_end(home, authority)
    if end is None or now >= end:
        return new_problem(
            "{name} has no CRL: nginx refuses all clients without one",
            hint=_PUBLISH,
            name=authority.name,
        )
    return new_problem(
        "the CRL of {name} expires on {end} and cannot be renewed: the CA's key is not here",
        hint="if the key is lost, create a new hierarchy and run `rca migrate --from {hierarchy}` "
        "before that day",
        name=authority.name,
        end=end.date(),
        hierarchy=authority.hierarchy,
    )


def _last_end(home: Home, authority: Authority) -> datetime | None:
    """Return the end of the last CRL of a CA without a key, which the database does not record."""
    if authority.key is not None:
        return None
    try:
        data = files.read(crls.path_of(home, authority))
        return certificate_scanner.load_crl(data, [authority.certificate]).crl.next_update_utc
    except (FileNotFoundError, Invalid):
        return None


def published(home: Home) -> Iterator[Finding]:
    """Report damaged CRLs, and files in `public` that differ from them and from our CAs."""
    whole = []
    for authority in live_authorities(home):
        newest = crls.path_of(home, authority)
        if not newest.exists():
            if hierarchies.crl_state(home.db, authority).this_update is not None:
                yield new_problem("{file} is missing", hint="run `rca publish`", file=newest)
        elif not crls.is_whole(home, authority):
            yield new_problem("{file} is damaged", hint=_PUBLISH, file=newest)
        else:
            whole.append(authority)
    if home.public.exists():  # else nothing is published yet, or elsewhere (`--out`)
        for hierarchy in hierarchies.all_of(home.db):
            if not set(hierarchy.authorities).isdisjoint(whole):
                yield from _differing(home, hierarchy, whole)


def _differing(home: Home, hierarchy: Hierarchy, whole: list[Authority]) -> Iterator[Finding]:
    if not (home.public / f"{hierarchy.name}-root.pem").exists():
        yield new_problem("{name} is not published", hint="run `rca publish`", name=hierarchy.name)
        return
    for file in artifacts.differing(home, hierarchy, whole, home.public):
        if not file.exists():
            yield new_problem("{file} is missing", hint="run `rca publish`", file=file)
        elif file.name.endswith(("crl.pem", ".crl")):
            yield new_problem("{file} is not the newest CRL", hint="run `rca publish`", file=file)
        else:
            yield new_problem(
                "{file} differs from what rca published",
                hint="run `rca publish`, then find out who changed it",
                file=file,
            )


def hook(home: Home) -> Iterator[Finding]:
    owed_since = publish_hook.owed_since(home)
    if owed_since is not None and owed_since < home.clock() - HOOK_GRACE:
        yield new_problem(
            "publish_hook has failed since {date}: servers have not loaded the newest CRL",
            hint="run `rca publish`; it prints the hook's error",
            date=f"{owed_since:%Y-%m-%d %H:%M}Z",
        )


def ocsp_(home: Home) -> Iterator[Finding]:
    """Report missing, expired and late pre-produced responses.

    A server that uses OCSP refuses clients without a response. The delegated responder's
    certificate outlives the responses that it signed.
    """
    if not home.settings.ocsp.sign_ahead:
        return
    now = home.clock()
    for authority in live_authorities(home):
        if authority.key is None:
            continue
        try:
            with ocsp_responses.opened(response_file.path_of(home, authority)) as responses:
                head = responses.head
        except FileNotFoundError:
            yield new_warning(
                "{name} has no OCSP responses: servers that use OCSP refuse all clients",
                hint="run `rca publish --if-due`, then check why cron did not",
                name=authority.name,
            )
            continue
        if now >= head.next_update:
            yield new_problem(
                "the OCSP responses of {name} have expired: servers that use OCSP refuse all "
                "clients",
                hint="run `rca publish --if-due`, then check why cron did not",
                name=authority.name,
            )
        elif now > half_life(head.this_update, head.next_update) + GRACE:
            yield new_warning(
                "the OCSP responses of {name} expire on {end} and were not renewed in time",
                hint="run `rca publish --if-due`, then check why cron did not",
                name=authority.name,
                end=head.next_update.date(),
            )


def live_authorities(home: Home) -> list[Authority]:
    """Return every CA that is not past its end."""
    now = home.clock()
    return [each for each in hierarchies.authorities(home.db) if now < each.not_after]
