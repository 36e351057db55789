"""The state of a home as Prometheus metrics, in a file for node_exporter.

The text format 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from renrakucho_ca import __version__
from renrakucho_ca.errors import RcaError
from renrakucho_ca.model import Authority, Hierarchy
from renrakucho_ca.service.doctor import Report
from renrakucho_ca.service.doctor.finding import Severity
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.ocsp import response_file
from renrakucho_ca.service.recovery import backup
from renrakucho_ca.store import files
from renrakucho_ca.store.files import ocsp_responses
from renrakucho_ca.store.sqlite import health
from renrakucho_ca.store.tables import hierarchies, migration_progress, ocsp_state
from renrakucho_ca.store.tables.hierarchies import CrlState
from renrakucho_ca.store.tables.migration_progress import Scope

Sample = tuple[dict[str, str], float]
"""Labels and a value."""


class Facts:
    """The sources of the metrics, at one moment."""

    def __init__(self, home: Home, report: Report) -> None:
        self.home = home.only_looking()
        self.report = report
        self.now = home.clock()

    @cached_property
    def hierarchies(self) -> list[Hierarchy]:
        return hierarchies.all_of(self.home.db)

    @cached_property
    def authorities(self) -> list[Authority]:
        return [each for hierarchy in self.hierarchies for each in hierarchy.authorities]

    @cached_property
    def crls(self) -> list[tuple[dict[str, str], CrlState]]:
        db = self.home.db
        return [(_ca(each), hierarchies.crl_state(db, each)) for each in self.authorities]


@dataclass(frozen=True, slots=True)
class Family:
    """A metric family."""

    name: str
    help: str
    samples: Callable[[Facts], Iterator[Sample]]


def write(file: Path, text: str) -> None:
    """Write the metrics in one step, so that the collector never reads half a file.

    Raises:
        Conflict: `file` is not a regular file.
    """
    files.refuse_special(file)
    files.write(file, text.encode(), files.PUBLIC_FILE, outside=True)


def render(home: Home, report: Report) -> str:
    """Render all metrics; those that a damaged home cannot provide are omitted.

    Args:
        report: the findings of `doctor`.
    """
    facts = Facts(home, report)
    lines = [line for family in FAMILIES for line in _lines(family, facts)]
    return "\n".join([*lines, ""])


def _lines(family: Family, facts: Facts) -> list[str]:
    try:
        samples = list(family.samples(facts))
    except (RcaError, OSError):
        return []
    if not samples:
        return []
    return [
        f"# HELP {family.name} {family.help}",
        f"# TYPE {family.name} gauge",
        *(f"{family.name}{_labels(labels)} {value!r}" for labels, value in samples),
    ]


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items()) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _ca(authority: Authority) -> dict[str, str]:
    return {"hierarchy": authority.hierarchy, "tier": authority.tier.value}


# -- one function per family


def _info(facts: Facts) -> Iterator[Sample]:
    yield {"version": __version__}, 1


def _taken(facts: Facts) -> Iterator[Sample]:
    yield from _at({}, facts.now)


def _checks(facts: Facts) -> Iterator[Sample]:
    for check, findings in facts.report.items():
        yield {"check": check}, 0 if findings else 1


def _findings(facts: Facts) -> Iterator[Sample]:
    for severity in (Severity.WARNING, Severity.PROBLEM):
        found = [each for all in facts.report.values() for each in all if each.severity is severity]
        yield {"severity": severity.value}, len(found)


def _certificates(facts: Facts) -> Iterator[Sample]:
    for (hierarchy, status), count in health.count_certificates(facts.home.db, facts.now).items():
        yield {"hierarchy": hierarchy, "status": status.value}, count


def _to_go(facts: Facts) -> Iterator[Sample]:
    for each in facts.hierarchies:
        if each.cutoff is not None:
            parts = migration_progress.progress(facts.home.db, Scope(each.name), facts.now)
            yield {"hierarchy": each.name}, sum(part.to_go for part in parts)


def _cutoffs(facts: Facts) -> Iterator[Sample]:
    for each in facts.hierarchies:
        yield from _at({"hierarchy": each.name}, each.cutoff)


def _ends(facts: Facts) -> Iterator[Sample]:
    for each in facts.authorities:
        yield from _at(_ca(each), each.not_after)


def _crl_begins(facts: Facts) -> Iterator[Sample]:
    for labels, state in facts.crls:
        yield from _at(labels, state.this_update)


def _crl_ends(facts: Facts) -> Iterator[Sample]:
    for labels, state in facts.crls:
        yield from _at(labels, state.next_update)


def _crl_behind(facts: Facts) -> Iterator[Sample]:
    for labels, state in facts.crls:
        yield labels, state.changes - state.carried


def _responders(facts: Facts) -> Iterator[Sample]:
    for each in facts.authorities:
        responder = ocsp_state.responder(facts.home.db, each.id)
        yield from _at(_ca(each), None if responder is None else responder.not_after)


def _responses(facts: Facts) -> Iterator[Sample]:
    for each in facts.authorities:
        path = response_file.path_of(facts.home, each)
        if path.exists():
            with ocsp_responses.opened(path) as responses:
                yield from _at(_ca(each), responses.head.next_update)


def _backup(facts: Facts) -> Iterator[Sample]:
    yield from _at({}, backup.last(facts.home))


def _audit_id(facts: Facts) -> Iterator[Sample]:
    last = health.last_act(facts.home.db)
    yield {}, 0 if last is None else last.id


def _audit_time(facts: Facts) -> Iterator[Sample]:
    last = health.last_act(facts.home.db)
    yield from _at({}, None if last is None else last.at)


def _mails(facts: Facts) -> Iterator[Sample]:
    for state, count in health.count_mails(facts.home.db).items():
        yield {"state": state.value}, count


def _size(facts: Facts) -> Iterator[Sample]:
    yield {}, facts.home.database.stat().st_size


def _at(labels: dict[str, str], moment: datetime | None) -> Iterator[Sample]:
    """Yield a moment in seconds since 1970, if there is one."""
    if moment is not None:
        yield labels, int(moment.timestamp())


FAMILIES = (
    Family("rca_info", "The version of rca.", _info),
    Family("rca_taken_timestamp_seconds", "Time of these metrics.", _taken),
    Family("rca_check_ok", "1 if a check of rca doctor found no problem.", _checks),
    Family("rca_findings", "Findings of rca doctor by severity.", _findings),
    Family("rca_certificates", "Certificates by status.", _certificates),
    Family(
        "rca_migration_to_go",
        "Certificates of a hierarchy with a cut-off whose successor is not downloaded.",
        _to_go,
    ),
    Family("rca_cutoff_timestamp_seconds", "Cut-off of a hierarchy.", _cutoffs),
    Family("rca_ca_not_after_timestamp_seconds", "Expiry of a CA.", _ends),
    Family("rca_crl_this_update_timestamp_seconds", "thisUpdate of the newest CRL.", _crl_begins),
    Family("rca_crl_next_update_timestamp_seconds", "nextUpdate of the newest CRL.", _crl_ends),
    Family(
        "rca_crl_missing_changes",
        "Revocations and releases that the newest CRL lacks.",
        _crl_behind,
    ),
    Family(
        "rca_ocsp_responder_not_after_timestamp_seconds",
        "Expiry of the delegated OCSP responder.",
        _responders,
    ),
    Family(
        "rca_ocsp_next_update_timestamp_seconds",
        "nextUpdate of the pre-produced OCSP responses.",
        _responses,
    ),
    Family("rca_last_backup_timestamp_seconds", "Time of the newest backup.", _backup),
    Family("rca_audit_last_id", "Number of the last row of the audit log.", _audit_id),
    Family(
        "rca_audit_last_timestamp_seconds", "Time of the last row of the audit log.", _audit_time
    ),
    Family("rca_mails", "Mails in the outbox by state.", _mails),
    Family("rca_database_bytes", "Size of the database.", _size),
)
