"""A town for each test, copied from one that was made for all."""

from __future__ import annotations

from pathlib import Path

import pytest

from renrakucho_ca.model import RetrievalNumber, User
from renrakucho_ca.service.issuance import issuance
from renrakucho_ca.service.issuance.issuer import Issued
from renrakucho_ca.service.issuance.planner import IssuanceRequest
from renrakucho_ca.service.retrieval import retrieval
from tests.shared.homes import Clock, copy_home

from .running import PEOPLE, Machine
from .town import PHONE, Town


@pytest.fixture
def town(template: Path, tmp_path: Path, clock: Clock) -> Town:
    return Town(copy_home(template, tmp_path / "home", clock), clock, tmp_path / "out")


@pytest.fixture(scope="session")
def populous(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home where PEOPLE hold a certificate of OLD; every other one has fetched it."""
    folder = tmp_path_factory.mktemp("populous")
    home = copy_home(template, folder / "home", Clock())
    requests = [
        IssuanceRequest(User(f"p{each:03}", network="見本市"), PHONE) for each in range(PEOPLE)
    ]
    numbers: list[RetrievalNumber] = []
    old = issuance.choose_hierarchy(home, "old")
    for _, result in issuance.issue_many(home, old, enumerate(requests), jobs=2):
        assert isinstance(result, Issued)
        numbers.append(result.certificate.number)
    for outcome in retrieval.export(home, numbers[::2], folder / "out")[0]:
        outcome.unwrap()
    home.db.close()
    return folder / "home"


@pytest.fixture
def machine(populous: Path, tmp_path: Path) -> Machine:
    """The program in a populous town, in the month before the cut-off."""
    return Machine(tmp_path / "machine", populous)
