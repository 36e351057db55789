"""Read and check tables of users and requests, line by line.

Each item is a pair: the number of the line (the header's is 1), and its content or error.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from renrakucho_ca.batched import batched
from renrakucho_ca.errors import RcaError
from renrakucho_ca.model import Hierarchy, User
from renrakucho_ca.service import user_records
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance.planner import IssuanceRequest, Planner
from renrakucho_ca.service.outcome import attempt
from renrakucho_ca.tabular import csv_table

_Parsed = TypeVar("_Parsed")

BATCH = 1000
"""Users written in one transaction."""

_USER_COLUMNS = {"user": True, "name": False, "email": False, "facility": False, "network": False}
_REQUEST_COLUMNS = _USER_COLUMNS | {"device": True, "note": False}


def read_users(file: Path) -> Iterator[tuple[int, User | RcaError]]:
    """Yield the users of a table with the columns user, name, email, facility, network.

    Raises Invalid if the file is not such a table.
    """
    return _read(file, _USER_COLUMNS, _user)


def read_requests(file: Path) -> Iterator[tuple[int, IssuanceRequest | RcaError]]:
    """Yield the requests of a table with a user's columns, device and note.

    Raises Invalid if the file is not such a table.
    """

    def request(row: dict[str, str]) -> IssuanceRequest:
        # Tables have `iPhone` and `Ｗｉｎｄｏｗｓ`; the names of profiles are lower-case.
        device = unicodedata.normalize("NFKC", row["device"]).casefold()
        return IssuanceRequest.parse(_user(row), device, row["note"])

    return _read(file, _REQUEST_COLUMNS, request)


def import_users(
    home: Home, lines: Iterable[tuple[int, User | RcaError]]
) -> Iterator[tuple[int, User | RcaError]]:
    """Put users into the store in batches; yield each once it is recorded."""
    now = home.clock()
    for batch in batched(lines, BATCH):
        with home.db.write():
            user_records.put_all(home, (user for _, user in batch if isinstance(user, User)), now)
        yield from batch


def check(
    home: Home, hierarchy: Hierarchy, lines: Iterable[tuple[int, IssuanceRequest | RcaError]]
) -> Iterator[tuple[int, RcaError]]:
    """Yield the lines that cannot be planned."""
    planner = Planner(home, hierarchy, home.clock())
    for line, request in lines:
        plan = attempt(planner.plan, request)
        if isinstance(plan, RcaError):
            yield line, plan


def _read(
    file: Path, columns: dict[str, bool], parse: Callable[[dict[str, str]], _Parsed]
) -> Iterator[tuple[int, _Parsed | RcaError]]:
    for line, row in csv_table.read(file, columns):
        yield line, attempt(parse, row)


def _user(row: dict[str, str]) -> User:
    user = csv_table.refuse_rounded(row["user"])
    return User.parse(user, row["name"], row["email"], row["facility"], row["network"])
