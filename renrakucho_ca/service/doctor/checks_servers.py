"""What servers have of us: CRLs, OCSP responses, cut-offs, and whether they were told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from renrakucho_ca.clock import half_life
from renrakucho_ca.errors import Attention, Invalid
from renrakucho_ca.model import Authority
from renrakucho_ca.pki import certificate_scanner
from renrakucho_ca.service.ca import crls
from renrakucho_ca.service.doctor.finding import Finding, problem, warning
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.ocsp import response_file
from renrakucho_ca.service.publication import artifacts, publish_hook
from renrakucho_ca.store import files
from renrakucho_ca.store.files import ocsp_responses
from renrakucho_ca.store.tables import expiry, hierarchies

GRACE = timedelta(days=1)
"""By which cron may be late: a home that is looked after once a day."""

HOOK_GRACE = timedelta(hours=1)


def cutoff(home: Home) -> Iterator[Finding]:
    now = home.clock()
    for hierarchy in hierarchies.all_of(home.db):
        if hierarchy.cutoff is None or now < hierarchy.cutoff:
            continue
        live = expiry.count_cut_off(home.db, hierarchy.name, now)
        if live:
            yield problem(
                Attention(
                    "the cut-off of {name} has passed, and {live} of its certificates are not "
                    "revoked",
                    hint="run `rca expire && rca publish`, then check why cron did not",
                    name=hierarchy.name,
                    live=live,
                )
            )


def crl(home: Home) -> Iterator[Finding]:
    """An expired CRL locks everyone out."""
    now = home.clock()
    for authority in live_authorities(home):
        state = hierarchies.crl_state(home.db, authority)
        if state.this_update is None or state.next_update is None:
            end = _last_end(home, authority)
            if end is not None and now < end:
                yield problem(
                    Attention(
                        "the CRL of {name} expires on {end} and cannot be renewed: the CA's key "
                        "is not here",
                        hint="if the key is lost, create a new hierarchy and run `rca migrate "
                        "--from {hierarchy}` before that day",
                        name=authority.name,
                        end=f"{end:%Y-%m-%d}",
                        hierarchy=authority.hierarchy,
                    )
                )
                continue
            yield problem(
                Attention(
                    "{name} has no CRL: nginx refuses all clients without one",
                    hint="run `rca publish`; add `--root-key FILE|URI` if the root's key is kept "
                    "elsewhere",
                    name=authority.name,
                )
            )
        elif now >= state.next_update:
            yield problem(
                Attention(
                    "the CRL of {name} has expired: servers refuse all clients",
                    hint="run `rca publish`; add `--root-key FILE|URI` if the root's key is kept "
                    "elsewhere",
                    name=authority.name,
                )
            )
        elif now > half_life(state.this_update, state.next_update) + GRACE:
            yield warning(
                Attention(
                    "the CRL of {name} expires on {end} and was not renewed in time",
                    hint="run `rca publish`; add `--root-key FILE|URI` if the root's key is kept "
                    "elsewhere",
                    name=authority.name,
                    end=f"{state.next_update:%Y-%m-%d}",
                )
            )
        elif state.carried != state.changes:
            yield problem(
                Attention(
                    "the published CRL of {name} lacks the latest revocations",
                    hint="run `rca publish`; add `--root-key FILE|URI` if the root's key is kept "
                    "elsewhere",
                    name=authority.name,
                )
            )


def _last_end(home: Home, authority: Authority) -> datetime | None:
    """When the CRL ends that a CA without its key has left: the store did not sign it, and so does
    not know. None where there is none."""
    if authority.key is not None:
        return None
    try:
        data = files.read(crls.path_of(home, authority))
        return certificate_scanner.load_crl(data, [authority.certificate]).crl.next_update_utc
    except (FileNotFoundError, Invalid):
        return None


def published(home: Home) -> Iterator[Finding]:
    """The newest CRLs are whole, and what servers have in `public` is these, and our CAs."""
    whole = []
    for authority in live_authorities(home):
        newest = crls.path_of(home, authority)
        if not newest.exists():
            if hierarchies.crl_state(home.db, authority).this_update is not None:
                yield problem(Attention("{file} is missing", hint="run `rca publish`", file=newest))
        elif not crls.is_whole(home, authority):
            yield problem(
                Attention(
                    "{file} is damaged",
                    hint="run `rca publish`; add `--root-key FILE|URI` if the root's key is kept "
                    "elsewhere",
                    file=newest,
                )
            )
        else:
            whole.append(authority)
    if not home.public.exists():
        return  # nothing was published yet, or it is elsewhere (`--out`)
    for hierarchy in hierarchies.all_of(home.db):
        if set(hierarchy.authorities).isdisjoint(whole):
            continue
        if not (home.public / f"{hierarchy.name}-root.pem").exists():
            yield problem(
                Attention("{name} is not published", hint="run `rca publish`", name=hierarchy.name)
            )
            continue
        for file in artifacts.differing(home, hierarchy, whole, home.public):
            if not file.exists():
                yield problem(Attention("{file} is missing", hint="run `rca publish`", file=file))
            elif file.name.endswith(("crl.pem", ".crl")):
                yield problem(
                    Attention("{file} is not the newest CRL", hint="run `rca publish`", file=file)
                )
            else:
                yield problem(
                    Attention(
                        "{file} differs from what rca published",
                        hint="run `rca publish`, then find out who changed it",
                        file=file,
                    )
                )


def hook(home: Home) -> Iterator[Finding]:
    owed_since = publish_hook.owed_since(home)
    if owed_since is not None and owed_since < home.clock() - HOOK_GRACE:
        yield problem(
            Attention(
                "publish_hook has failed since {date}: servers have not loaded the newest CRL",
                hint="run `rca publish`; it prints the hook's error",
                date=f"{owed_since:%Y-%m-%d %H:%M}Z",
            )
        )


def ocsp_(home: Home) -> Iterator[Finding]:
    """A server that asks by OCSP refuses whom it gets no answer for. The responder's certificate
    ends after the responses that it signed."""
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
            yield warning(
                Attention(
                    "{name} has no OCSP responses: servers that use OCSP refuse all clients",
                    hint="run `rca publish --if-due`, then check why cron did not",
                    name=authority.name,
                )
            )
            continue
        if now >= head.next_update:
            yield problem(
                Attention(
                    "the OCSP responses of {name} have expired: servers that use OCSP refuse all "
                    "clients",
                    hint="run `rca publish --if-due`, then check why cron did not",
                    name=authority.name,
                )
            )
        elif now > half_life(head.this_update, head.next_update) + GRACE:
            yield warning(
                Attention(
                    "the OCSP responses of {name} expire on {end} and were not renewed in time",
                    hint="run `rca publish --if-due`, then check why cron did not",
                    name=authority.name,
                    end=f"{head.next_update:%Y-%m-%d}",
                )
            )


def live_authorities(home: Home) -> list[Authority]:
    """Every CA that is not past its end."""
    now = home.clock()
    return [
        authority
        for hierarchy in hierarchies.all_of(home.db)
        for authority in hierarchy.authorities
        if now < authority.not_after
    ]
