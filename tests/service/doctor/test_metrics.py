"""The figures for Prometheus, read by its own client and compared with facts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from renrakucho_ca.errors import Attention
from renrakucho_ca.model import RevocationReason, User
from renrakucho_ca.service import doctor
from renrakucho_ca.service.doctor import metrics
from renrakucho_ca.service.doctor.finding import problem_of
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance import issuance
from renrakucho_ca.service.issuance.issuer import Issued
from renrakucho_ca.service.issuance.planner import IssuanceRequest
from renrakucho_ca.service.publication import publication
from renrakucho_ca.service.revocation import revocation
from renrakucho_ca.store.tables import hierarchies
from tests.shared.homes import BEGIN, Clock, make_home

Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read(text: str) -> Figures:
    found: Figures = {}
    for family in text_string_to_metric_families(text):
        assert family.type == "gauge", family
        assert family.documentation, family
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, "twice the same"
            found[key] = sample.value
    return found


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Home:
    """Three certificates in `old`, one revoked and not published; one in `new` follows another."""
    home = make_home(tmp_path_factory.mktemp("metrics") / "home", clock)
    requests = [IssuanceRequest.parse(User.parse(user), "android") for user in ("a", "b", "c")]
    issued = list(issuance.issue(home, requests, "old"))
    publication.publish(home)
    clock.advance(hours=1)
    last = issued[-1]
    assert isinstance(last, Issued)
    revocation.revoke(home, [last.certificate.number], RevocationReason.KEY_COMPROMISE)
    with home.db.write():
        hierarchies.set_cutoff(home.db, "old", BEGIN + timedelta(days=90))
    return home


@pytest.fixture(scope="module")
def figures(home: Home) -> Figures:
    return read(metrics.render(home, doctor.examine(home)))


@pytest.mark.parametrize(
    ("status", "count"), [("issued", 2), ("revoked", 1), ("downloaded", 0), ("held", 0)]
)
def test_certificates_are_counted_by_hierarchy_and_status(
    figures: Figures, status: str, count: int
) -> None:
    labels = (("hierarchy", "old"), ("status", status))
    assert figures["rca_certificates", labels] == count
    assert figures["rca_certificates", (("hierarchy", "new"), ("status", status))] == 0


def test_an_expired_certificate_is_counted_as_that(home: Home, clock: Clock) -> None:
    before = clock.now
    clock.advance(days=365 * 11)
    found = read(metrics.render(home, {}))
    clock.now = before
    assert found["rca_certificates", (("hierarchy", "old"), ("status", "expired"))] == 2
    assert found["rca_certificates", (("hierarchy", "old"), ("status", "issued"))] == 0


def test_moments_are_seconds_since_1970(home: Home, figures: Figures) -> None:
    ca = (("hierarchy", "old"), ("tier", "issuing"))
    begin = BEGIN.timestamp()
    assert figures["rca_crl_this_update_timestamp_seconds", ca] == begin
    assert figures["rca_crl_next_update_timestamp_seconds", ca] == begin + 14 * 86400
    assert figures["rca_taken_timestamp_seconds", ()] == begin + 3600
    assert figures["rca_audit_last_timestamp_seconds", ()] == begin + 3600
    assert figures["rca_cutoff_timestamp_seconds", (("hierarchy", "old"),)] == begin + 90 * 86400
    assert figures["rca_ocsp_next_update_timestamp_seconds", ca] > begin
    end = hierarchies.get(home.db, "old").issuing.not_after.timestamp()
    assert figures["rca_ca_not_after_timestamp_seconds", ca] == end
    assert not any(name == "rca_last_backup_timestamp_seconds" for name, _ in figures)


def test_pending_migrations_and_publications_are_counted(figures: Figures) -> None:
    assert figures["rca_migration_to_go", (("hierarchy", "old"),)] == 2
    assert not any(name == "rca_migration_to_go" and "new" in str(key) for name, key in figures)
    assert figures["rca_crl_missing_changes", (("hierarchy", "old"), ("tier", "issuing"))] == 1
    assert figures["rca_mails", (("state", "waiting"),)] == 0


def test_each_check_has_its_figure(figures: Figures) -> None:
    checks = {dict(key)["check"]: value for (name, key), value in figures.items() if "_ok" in name}
    assert set(checks) == set(doctor.CHECKS)
    assert checks["CRL"] == 0
    assert checks["database"] == 1
    assert figures["rca_findings", (("severity", "problem"),)] == 1


def test_a_label_is_escaped_as_the_format_asks(home: Home) -> None:
    name = 'a "quoted" \\ back\nslash'
    found = read(metrics.render(home, {name: [problem_of(Attention("x"))]}))
    assert found["rca_check_ok", (("check", name),)] == 0


def test_a_home_without_a_database_still_has_its_checks(tmp_path: Path) -> None:
    (tmp_path / "rca.yaml").touch()
    home = Home(tmp_path, lambda is_new: b"")
    found = read(metrics.render(home, doctor.examine(home)))
    assert found["rca_check_ok", (("check", "database"),)] == 0
    assert not any(name == "rca_certificates" for name, _ in found)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rca.yaml"]


def test_the_file_is_for_all_and_replaced_in_one_step(tmp_path: Path) -> None:
    victim, file = tmp_path / "victim", tmp_path / "rca.prom"
    victim.write_text("precious")
    file.symlink_to(victim)
    metrics.write(file, "rca_info 1\n")
    assert file.read_text() == "rca_info 1\n"
    assert file.stat().st_mode & 0o777 == 0o644
    assert not file.is_symlink()
    assert victim.read_text() == "precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rca.prom", "victim"]
