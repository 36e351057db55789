"""One home for all tests of the command line: making it costs a second, a certificate 10 ms."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from renrakucho_ca.model import RetrievalNumber, User
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance import issuance
from renrakucho_ca.service.issuance.issuer import Issued
from renrakucho_ca.service.issuance.planner import IssuanceRequest
from renrakucho_ca.service.retrieval import retrieval
from tests.shared.homes import PASSPHRASE, Issue, make_home
from tests.shared.runner import Runner, write_secret

# 05:00 on the 16th in Japan: a date that is taken in UTC shows.
ISSUED_AT = datetime(2026, 1, 15, 20, tzinfo=UTC)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Two hierarchies; who needs a certificate issues one."""
    folder = tmp_path_factory.mktemp("cli") / "home"
    return make_home(folder, lambda: ISSUED_AT)


@pytest.fixture(scope="session")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file with the passphrase."""
    return write_secret(tmp_path_factory.mktemp("secret") / "passphrase", PASSPHRASE)


@pytest.fixture(scope="session")
def rca(home: Home, secret: Path) -> Runner:
    """`rca` in that home, with the passphrase, in English."""
    return Runner(
        {"RCA_HOME": str(home.path), "RCA_PASSPHRASE_FILE": str(secret), "RCA_LANG": "en"}
    )


@pytest.fixture(scope="session")
def issue(home: Home) -> Issue:
    """Issues one without the command line."""

    def one(
        user: str = "suzuki",
        device: str = "iphone",
        note: str | None = None,
        into: str = "new",
        **about_user: str,
    ) -> Issued:
        request = IssuanceRequest.parse(User.parse(user, **about_user), device, note)
        with _nothing_later(home):
            (result,) = issuance.issue(home, [request], into)
        assert isinstance(result, Issued), result
        return result

    return one


@contextmanager
def _nothing_later(home: Home) -> Iterator[None]:
    """The commands take the time of the day, at which this fixture's clock is long past: it would
    have been set back, and nobody signs by such a one."""
    moments = (("authority", "crl_this_update"), ("certificate", "issued_at"))
    at = int(ISSUED_AT.timestamp())
    later = [
        (table, column, tuple(row))
        for table, column in moments
        for row in home.db.rows(f"SELECT {column}, id FROM {table} WHERE {column} > ?", (at,))
    ]
    for table, column, (_, row) in later:
        home.db.execute(f"UPDATE {table} SET {column} = ? WHERE id = ?", (at, row))
    yield
    for table, column, row in later:
        home.db.execute(f"UPDATE {table} SET {column} = ? WHERE id = ?", row)


@pytest.fixture(scope="session")
def spent(home: Home, issue: Issue, tmp_path_factory: pytest.TempPathFactory) -> RetrievalNumber:
    """A certificate that was downloaded."""
    number = issue().certificate.number
    (outcome,), _ = retrieval.export(home, [number], tmp_path_factory.mktemp("spent"))
    outcome.unwrap()
    return number
