"""The state of a home as Prometheus metrics, in a file for node_exporter.

The text format 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
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

Sample = tuple[dict[str, str], float | datetime | None]
"""Labels and a value. A moment becomes seconds since 1970; a sample without a value is omitted."""


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
        return hierarchies.authorities(self.home.db)

    @cached_property
    def last_act(self) -> health.LastAct | None:
        return health.last_act(self.home.db)

    @cached_property
    def crls(self) -> list[tuple[dict[str, str], CrlState]]:
        db = self.home.db
        return [(_ca(each), hierarchies.crl_state(db, each)) for each in self.authorities]


def write(file: Path, text: str) -> None:
    """Write the metrics in one step: the collector never reads half a file.

    Raises Conflict if `file` is not a regular file.
    """
    files.refuse_special(file)
    files.write(file, text.encode(), files.PUBLIC_FILE, outside=True)


def render(home: Home, report: Report) -> str:
    """Render `doctor`'s findings and all metrics that even a damaged home can provide."""
    facts = Facts(home, report)
    lines = [line for name, family in FAMILIES.items() for line in _lines(name, *family, facts)]
    return "\n".join([*lines, ""])


def _lines(
    name: str, help: str, source: Callable[[Facts], Iterable[Sample]], facts: Facts
) -> list[str]:
    try:
        samples = [
            f"{name}{_labels(labels)} {_number(value)!r}"
            for labels, value in source(facts)
            if value is not None
        ]
    except (RcaError, OSError):
        return []
    return [f"# HELP {name} {help}", f"# TYPE {name} gauge", *samples] if samples else []


def _number(value: float | datetime) -> float:
    return int(value.timestamp()) if isinstance(value, datetime) else value


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items()) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _ca(authority: Authority) -> dict[str, str]:
    return {"hierarchy": authority.hierarchy, "tier": authority.tier.value}


def _findings(facts: Facts) -> Iterator[Sample]:
    for severity in (Severity.WARNING, Severity.PROBLEM):
        found = [each for all in facts.report.values() for each in all if each.severity is severity]
        yield {"severity": severity.value}, len(found)


def _to_go(facts: Facts) -> Iterator[Sample]:
    for each in facts.hierarchies:
        if each.cutoff is not None:
            parts = migration_progress.progress(facts.home.db, Scope(each.name), facts.now)
            yield {"hierarchy": each.name}, sum(part.to_go for part in parts)


def _responders(facts: Facts) -> Iterator[Sample]:
    for each in facts.authorities:
        responder = ocsp_state.responder(facts.home.db, each.id)
        yield _ca(each), responder.not_after if responder else None


def _responses(facts: Facts) -> Iterator[Sample]:
    for each in facts.authorities:
        path = response_file.path_of(facts.home, each)
        if path.exists():
            with ocsp_responses.opened(path) as responses:
                yield _ca(each), responses.head.next_update


def _certificates(facts: Facts) -> Iterator[Sample]:
    for (hierarchy, status), count in health.count_certificates(facts.home.db, facts.now).items():
        yield {"hierarchy": hierarchy, "status": status.value}, count


FAMILIES: dict[str, tuple[str, Callable[[Facts], Iterable[Sample]]]] = {
    "rca_info": ("The version of rca.", lambda _: [({"version": __version__}, 1)]),
    "rca_taken_timestamp_seconds": ("Time of these metrics.", lambda facts: [({}, facts.now)]),
    "rca_check_ok": (
        "1 if a check of rca doctor found no problem.",
        lambda facts: [({"check": name}, int(not found)) for name, found in facts.report.items()],
    ),
    "rca_findings": ("Findings of rca doctor by severity.", _findings),
    "rca_certificates": ("Certificates by status.", _certificates),
    "rca_migration_to_go": (
        "Certificates of a hierarchy with a cut-off whose successor is not downloaded.",
        _to_go,
    ),
    "rca_cutoff_timestamp_seconds": (
        "Cut-off of a hierarchy.",
        lambda facts: [({"hierarchy": each.name}, each.cutoff) for each in facts.hierarchies],
    ),
    "rca_ca_not_after_timestamp_seconds": (
        "Expiry of a CA.",
        lambda facts: [(_ca(each), each.not_after) for each in facts.authorities],
    ),
    "rca_crl_this_update_timestamp_seconds": (
        "thisUpdate of the newest CRL.",
        lambda facts: [(ca, crl.this_update) for ca, crl in facts.crls],
    ),
    "rca_crl_next_update_timestamp_seconds": (
        "nextUpdate of the newest CRL.",
        lambda facts: [(ca, crl.next_update) for ca, crl in facts.crls],
    ),
    "rca_crl_missing_changes": (
        "Revocations and releases that the newest CRL lacks.",
        lambda facts: [(ca, crl.changes - crl.carried) for ca, crl in facts.crls],
    ),
    "rca_ocsp_responder_not_after_timestamp_seconds": (
        "Expiry of the delegated OCSP responder.",
        _responders,
    ),
    "rca_ocsp_next_update_timestamp_seconds": (
        "nextUpdate of the pre-produced OCSP responses.",
        _responses,
    ),
    "rca_last_backup_timestamp_seconds": (
        "Time of the newest backup.",
        lambda facts: [({}, backup.last(facts.home))],
    ),
    "rca_audit_last_id": (
        "Number of the last row of the audit log.",
        lambda facts: [({}, facts.last_act.id if facts.last_act else 0)],
    ),
    "rca_audit_last_timestamp_seconds": (
        "Time of the last row of the audit log.",
        lambda facts: [({}, facts.last_act.at if facts.last_act else None)],
    ),
    "rca_mails": (
        "Mails in the outbox by state.",
        lambda facts: [
            ({"state": state.value}, count)
            for state, count in health.count_mails(facts.home.db).items()
        ],
    ),
    "rca_database_bytes": (
        "Size of the database.",
        lambda facts: [({}, facts.home.database.stat().st_size)],
    ),
}
"""The metric families: each one's help and source."""
