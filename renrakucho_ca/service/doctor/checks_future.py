"""Checks of coming expiry: hierarchies and algorithms."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from renrakucho_ca import profiles
from renrakucho_ca.clock import years_after
from renrakucho_ca.model import Hierarchy, KeyAlgorithm
from renrakucho_ca.pki import authority_certificate, signatures
from renrakucho_ca.service.doctor.finding import Finding, new_problem, new_warning
from renrakucho_ca.service.home import Home
from renrakucho_ca.store.sqlite import health
from renrakucho_ca.store.tables import hierarchies

WARNING_PERIOD = timedelta(days=365)
"""Lead time of a warning: a migration takes months."""

END_OF_112_BITS = datetime(2031, 1, 1, tzinfo=UTC)
"""From then on 112 bits of security strength are disallowed (NIST SP 800-57 part 1, table 4)."""


def hierarchies_(home: Home) -> Iterator[Finding]:
    now = home.clock()
    years = _longest_validity(home)
    for hierarchy in hierarchies.all_of(home.db):
        end = hierarchy.issuing.not_after
        if hierarchy.cutoff is not None and hierarchy.cutoff <= end:
            continue  # nothing of it lasts longer
        if hierarchy.is_open(now) and hierarchy.issuing.key is not None:
            yield from _too_short(hierarchy, now, years)
        yield from _outlived(home, hierarchy, now)


def _longest_validity(home: Home) -> int:
    names = profiles.names(home.profiles)
    return max((profiles.load(home.profiles, name).validity_years for name in names), default=0)


def _too_short(hierarchy: Hierarchy, now: datetime, years: int) -> Iterator[Finding]:
    """Report a CA too close to its end: a certificate never outlives its issuer."""
    end = hierarchy.issuing.not_after
    if end < years_after(now, years):
        yield new_problem(
            "{name} expires on {end}: it can no longer issue certificates for {years} years",
            hint="create a new hierarchy, and run `rca migrate`",
            name=hierarchy.name,
            end=end.date(),
            years=years,
        )
    elif end < years_after(now, years) + WARNING_PERIOD:
        yield new_warning(
            "{name} expires on {end}: within a year it can no longer issue certificates for "
            "{years} years",
            hint="create a new hierarchy, and run `rca migrate`",
            name=hierarchy.name,
            end=end.date(),
            years=years,
        )


def _outlived(home: Home, hierarchy: Hierarchy, now: datetime) -> Iterator[Finding]:
    """Report certificates that expire after their CA: they stop working with it."""
    end = min(authority.not_after for authority in hierarchy.authorities)
    ids = [authority.id for authority in hierarchy.authorities]
    live = health.count_ending_after(home.db, ids, now if end < now + WARNING_PERIOD else end)
    if live:
        yield new_warning(
            "{name} expires on {end}, before {live} of its certificates",
            hint="create a new hierarchy, and run `rca migrate`",
            name=hierarchy.name,
            end=end.date(),
            live=live,
        )


def algorithms(home: Home) -> Iterator[Finding]:
    now = home.clock()
    for hierarchy in hierarchies.all_of(home.db):
        until = hierarchy.cutoff
        if until is not None and until <= max(now, END_OF_112_BITS):
            continue  # it ends before its algorithms do
        ids = [authority.id for authority in hierarchy.authorities]
        yield from _weak_authorities(hierarchy)
        if weak := health.count_rsa_2048(home.db, ids, END_OF_112_BITS):
            yield new_warning(
                "{count} certificates of {name} have RSA-2048 keys (112 bits) and are valid "
                "beyond 2030 (NIST SP 800-57)",
                hint="set rsa-3072 or ec-p256 in the profile, and run `rca reissue` before 2031",
                name=hierarchy.name,
                count=weak,
            )
        if broken := health.count_broken_signatures(home.db, ids, now):
            yield new_problem(
                "{count} live certificates of {name} are signed with SHA-1 or MD5",
                hint="replace them with `rca migrate`: modern servers refuse them",
                name=hierarchy.name,
                count=broken,
            )


def _weak_authorities(hierarchy: Hierarchy) -> Iterator[Finding]:
    for authority in hierarchy.authorities:
        if (
            authority.key_algorithm == KeyAlgorithm.RSA_2048
            and authority.not_after >= END_OF_112_BITS
        ):
            yield new_warning(
                "{name} has an RSA-2048 key (112 bits) and is valid beyond 2030 (NIST SP 800-57)",
                hint="create a new hierarchy, and run `rca migrate`",
                name=authority.name,
            )
        # A root's own signature is not verified: the root is a trust anchor.
        certificate = authority_certificate.of(authority)
        if authority != hierarchy.root and signatures.is_broken(certificate):
            yield new_problem(
                "{name} is signed with SHA-1 or MD5",
                hint="create a new hierarchy, and run `rca migrate`",
                name=authority.name,
            )
