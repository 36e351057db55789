"""The daily health check: a table of checks, whose findings have a hint.

No check changes anything, and each runs even if others fail: it serves damaged homes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from renrakucho_ca.errors import Attention, NotFound, RcaError, Unavailable
from renrakucho_ca.service.doctor import (
    checks_database,
    checks_files,
    checks_future,
    checks_keys,
    checks_people,
    checks_servers,
    checks_settings,
)
from renrakucho_ca.service.doctor.finding import Finding, Severity, new_problem, problem_of
from renrakucho_ca.service.home import Home

Report = dict[str, list[Finding]]
"""Findings by the name of the check. An empty list means no problem."""

CHECKS: dict[str, Callable[[Home], Iterator[Finding]]] = {
    "settings": checks_settings.settings,
    "profiles": checks_settings.profiles_,
    "permissions": checks_files.permissions,
    "owners": checks_files.owners,
    "links": checks_files.links,
    "disk": checks_files.disk,
    "database": checks_database.database,
    "restored": checks_database.restored,
    "audit": checks_database.audit_log,
    "clock": checks_database.clock,
    "backup": checks_database.backup_,
    "keys": checks_keys.keys,
    "orphaned keys": checks_keys.orphaned_keys,
    "hierarchies": checks_future.hierarchies_,
    "algorithms": checks_future.algorithms,
    "cut-off": checks_servers.cutoff,
    "CRL": checks_servers.crl,
    "published": checks_servers.published,
    "hook": checks_servers.hook,
    "OCSP": checks_servers.ocsp_,
    "pending issuances": checks_people.pending_issuances,
    "mails": checks_people.mails,
}
PASSPHRASE = "passphrase"


def examine(
    home: Home, *, has_passphrase: bool = False, passphrase_file: Path | None = None
) -> Report:
    """Run every check; one that fails is itself a finding. Raises NotFound without a home.

    Args:
        has_passphrase: the passphrase needs no prompt: open the keys too.
        passphrase_file: its file, if any.
    """
    if not home.store.exists() and not (home.path / "rca.yaml").exists():
        raise NotFound(
            "{home} is not a home: rca.yaml is missing",
            hint="run `rca init`, or name a home with --home",
            home=home.path,
        )
    home = home.only_looking()
    checks = dict(CHECKS)
    if has_passphrase:
        checks[PASSPHRASE] = lambda home: checks_keys.passphrase(home, passphrase_file)
    report: Report = {}
    for name, check in checks.items():
        report[name] = list(_survived(check(home), report))
        for finding in report[name]:
            if finding.what.hint is None:
                finding.what.hint = "repair it, or run `rca restore`"
    return report


def _survived(found: Iterator[Finding], report: Report) -> Iterator[Finding]:
    """Yield a check's findings, and a finding for the error that stops it."""
    try:
        yield from found
    except RcaError as error:
        yield _once(error, report)
    except OSError as error:
        file = error.filename or "rca"
        reason = error.strerror or "it failed"
        # A missing file has no owner: `examine` adds the hint.
        is_gone = isinstance(error, FileNotFoundError)
        yield _once(
            Unavailable(
                "{file}: {reason}",
                hint=None if is_gone else "check the owner of the home and of ca-store",
                file=file,
                reason=reason,
            ),
            report,
        )
    except Exception as error:  # damage can surface as any exception
        yield new_problem("not checked: {kind}", hint="restore a backup", kind=type(error).__name__)


def _once(error: RcaError, report: Report) -> Finding:
    """Report an error once: an unreadable database stops many checks."""
    for name, findings in report.items():
        if any(str(each.what) == str(error) for each in findings):
            said = Attention(
                "not checked: see {check}", hint="solve that problem first", check=name
            )
            return Finding(Severity.UNKNOWN, said)
    return problem_of(error)
