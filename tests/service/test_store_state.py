"""The gate: a store that was restored, or is an older copy, signs and delivers nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import click
import pytest
from cryptography import x509

from renrakucho_ca.cli.app import App
from renrakucho_ca.cli.help import Group
from renrakucho_ca.cli.root import root
from renrakucho_ca.errors import Refused, Unavailable
from renrakucho_ca.model import RetrievalNumber, Status
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.ocsp.responder import OcspResponder
from renrakucho_ca.service.recovery import backup, restoration
from renrakucho_ca.service.retrieval import download
from renrakucho_ca.service.revocation import revocation
from renrakucho_ca.store.tables import certificates, hierarchies, outbox
from tests.service.ocsp.asking import ask
from tests.shared.homes import Clock, configure, copy_home, issue, open_home, record_of, rows
from tests.shared.runner import Runner, write_secret

SIGNING = {
    "issue": "issue --device windows --user hanako",
    "issue --batch": "issue --batch {folder}/people.csv",
    "reissue": "reissue {number}",
    "migrate": "migrate --cutoff 2027-03-31 --from old --to new --yes",
    "export": "export {number} --out {folder}/out",
    "mail send": "mail send",
    "handover": "handover {number} --out {folder}/sheets.html",
    "publish": "publish",
    "hierarchy create": "hierarchy create later",
    "hierarchy import": "hierarchy import later --root {folder}/ca.pem",
    "hierarchy request": "hierarchy request later --out {folder}/request.pem",
    "hierarchy sign": "hierarchy sign {folder}/ca.pem --hierarchy new --out {folder}/signed.pem",
    "hierarchy install": "hierarchy install later --root {folder}/ca.pem --issuing {folder}/ca.pem",
    "hierarchy cross": "hierarchy cross new --by old",
}
"""Each command that signs or delivers, with its arguments."""

MAIL = "mail:\n  host: 127.0.0.1\n  port: 1\n  security: none\n  sender: ca@example.jp"

NOT_SIGNING = {
    *("quickstart", "init", "restore"),  # they make a home where there is none
    *("profile list", "profile show", "profile check"),
    *("user add", "user import", "user list", "user show"),
    *("list", "show", "mail list", "unlock"),
    *("revoke", "hold", "release", "expire"),  # always possible
    *("backup", "audit log", "audit verify", "doctor"),
    *("hierarchy list", "hierarchy show", "hierarchy retire", "hierarchy requests"),
    *("hierarchy crl", "hierarchy signed", "hierarchy revoke", "hierarchy rekey-passphrase"),
    "serve",  # asks for each request: tested below
}


def commands(group: Group, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Every command of the program, by its words."""
    context = click.Context(group, obj=App())
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name))


def test_every_command_is_known_to_sign_or_not() -> None:
    """A new command belongs into one of the two tables above."""
    assert isinstance(root, Group)
    signing = {name.partition(" --")[0] for name in SIGNING}
    assert sorted(commands(root)) == sorted(signing | NOT_SIGNING)


@dataclass(frozen=True)
class Behind:
    """A home that does not know what happened later, and what there is in it to act on."""

    home: Home
    number: RetrievalNumber
    link: str


@pytest.fixture(scope="module", params=["restored", "older than its journal"])
def behind(
    request: pytest.FixtureRequest, template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Behind:
    """With a certificate, a link to its bundle, and a mail that waits."""
    folder = tmp_path_factory.mktemp("gate")
    home = copy_home(template, folder / "home", Clock())
    configure(home, MAIL)
    number = issue(home, hierarchy="old").certificate.number
    link = download.make_link(home, number)
    outbox.put(home.db, number, ("hanako@example.jp",), b"sealed", home.clock())
    if request.param == "restored":
        backup.to_file(home, folder / "backup")
        home.db.close()
        home = open_home(folder / "again", Clock())
        restoration.restore(home, folder / "backup")
    else:
        shutil.copy(home.database, folder / "older")
        issue(home, hierarchy="old")
        home.db.close()
        shutil.copy(folder / "older", home.database)
        home = open_home(home.path, Clock())
    return Behind(home, number, link)


@pytest.mark.parametrize("name", SIGNING)
def test_every_signing_command_is_refused_while_the_store_is_behind(
    behind: Behind, name: str, tmp_path: Path
) -> None:
    is_restored = behind.home.recovery_file.exists()
    if name == "publish" and not is_restored:
        pytest.skip("an older copy may publish as long as no CRL loses a revocation: test_restore")
    rca = Runner(
        {
            "RCA_HOME": str(behind.home.path),
            "RCA_PASSPHRASE_FILE": str(write_secret(tmp_path / "passphrase")),
            "RCA_LANG": "en",
        }
    )
    for file in ("people.csv", "ca.pem"):
        (tmp_path / file).write_text("user,device\nhanako,windows\n")
    arguments = SIGNING[name].format(number=behind.number, folder=tmp_path).split()
    before = rows(behind.home, "SELECT count(*), max(id) FROM audit")
    done = rca(*arguments)
    assert done.code == 6, done.err
    assert ("restored store lacks" if is_restored else "older than its journal") in done.err
    assert "rca: hint: " in done.err
    assert rows(behind.home, "SELECT count(*), max(id) FROM audit") == before


def test_a_store_that_is_behind_delivers_nothing_by_link(behind: Behind) -> None:
    with pytest.raises(Unavailable, match=r"restored store lacks|older than its journal"):
        download.offer(behind.home, behind.link)
    pressed = download.Claim(behind.link, "visit", ip_address("192.0.2.1"))
    (claimed,) = download.claim(behind.home, [pressed])
    assert isinstance(claimed, Unavailable)


def test_a_restored_store_answers_no_ocsp_request(behind: Behind) -> None:
    if not behind.home.recovery_file.exists():
        pytest.skip("an older copy answers as it publishes")
    issuer = hierarchies.get(behind.home.db, "old").issuing.certificate
    certificate = certificates.der(behind.home.db, behind.number)
    load = x509.load_der_x509_certificate
    question = ask(load(certificate), load(issuer))
    with pytest.raises(Refused, match="lacks the revocations"):
        OcspResponder().answer(behind.home, "old", question)


def test_a_store_that_is_behind_revokes(behind: Behind) -> None:
    """Whatever else it has forgotten, the device that is lost now is locked out."""
    revocation.hold(behind.home, behind.number)
    assert record_of(behind.home, behind.number).status(behind.home.clock()) is Status.HELD
