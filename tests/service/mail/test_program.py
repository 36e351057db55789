"""`rca issue --mail`, `migrate --mail --handover` and `mail` as an operator runs them."""

from __future__ import annotations

import base64
import json
import os
import shutil
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest

from renrakucho_ca.model import User
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance import issuance
from renrakucho_ca.service.issuance.issuer import Issued
from renrakucho_ca.service.issuance.planner import IssuanceRequest
from renrakucho_ca.service.mail import compose
from renrakucho_ca.service.retrieval import retrieval
from renrakucho_ca.store.tables import outbox
from tests.shared.proc import watch
from tests.shared.runner import PROGRAM, Runner

from .mail_home import PASSPHRASE, PASSWORD, USER, secured
from .post_office import PostOffice


@pytest.fixture(scope="module")
def made(made: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Another one, by the day's clock: the program reads that, and a home goes by one alone."""
    folder = tmp_path_factory.mktemp("program") / "home"
    shutil.copytree(made.path, folder)
    return Home(folder, lambda is_new: PASSPHRASE)


@pytest.fixture(autouse=True)
def empty_outbox(made: Home) -> None:
    with made.db.write():
        made.db.execute("DELETE FROM outbox")


def rca(home: Home, *arguments: str, code: int = 0) -> Any:
    """Runs the program with `--format json`; gives what it says."""
    secret = home.path / "passphrase"
    secret.write_bytes(PASSPHRASE)
    secret.chmod(0o600)
    done = Runner({}).process(
        *("--home", home.path, "--passphrase-file", secret), *arguments, "--format", "json"
    )
    assert done.code == code, done.err
    assert "Traceback" not in done.err
    return json.loads(done.out)


def test_issue_mail_prints_the_link_and_mail_send_delivers_it(
    home: Home, post_office: PostOffice
) -> None:
    rca(home, "user", "add", "sato", "--email", "sato@example.jp, boss@example.jp")
    issued = rca(home, "issue", "--device", "android", "--user", "sato", "--mail")
    (waiting,) = rca(home, "mail", "list")
    assert (waiting["number"], waiting["state"]) == (issued["number"], "waiting")
    assert rca(home, "mail", "send") == {"sent": 1, "postponed": 0, "failed": 0}
    (mail,) = post_office.mails()
    assert mail["To"] == "sato@example.jp, boss@example.jp"
    body = mail.get_body(("plain",))
    assert body is not None
    assert issued["link"] in body.get_content()
    assert issued["password"] in body.get_content()
    (sent,) = rca(home, "mail", "list")
    assert sent["state"] == "sent"


def test_a_batch_mails_users_with_an_address(home: Home, post_office: PostOffice) -> None:
    people = home.path / "people.csv"
    people.write_text(
        "user,device,email\nb1,android,b1@example.jp\nb2,mac,\nb3,iphone,b3@example.jp\n"
    )
    rca(home, "issue", "--batch", str(people), "--mail")
    post_office.answers["b3@example.jp"] = "550 5.1.1 no such user"
    assert rca(home, "mail", "send", code=8) == {"sent": 1, "postponed": 0, "failed": 1}
    assert [mail["To"] for mail in post_office.mails()] == ["b1@example.jp"]
    (given_up,) = rca(home, "mail", "list", "--state", "failed")
    assert given_up["recipients"] == ["b3@example.jp"]
    assert "no such user" in given_up["problem"]


def test_a_migration_mails_and_prints_a_sheet_for_each_user_in_one_run(
    home: Home, post_office: PostOffice, tmp_path: Path
) -> None:
    requests = [
        IssuanceRequest(User("m1", email="m1@example.jp", facility="moving"), "android"),
        IssuanceRequest(User("m2", facility="moving"), "android"),
    ]
    old = [each for each in issuance.issue(home, requests, "old") if isinstance(each, Issued)]
    retrieval.export(home, [each.certificate.number for each in old], tmp_path / "out")
    sheets = tmp_path / "sheets.html"
    scope = ("--cutoff", "2030-01-01", "--facility", "moving")
    run = ("migrate", *scope, "--mail", "--handover", str(sheets))
    done = rca(home, *run)
    assert (done["issued"], done["failed"], done["remaining"]) == (2, 0, 0)
    assert sheets.stat().st_mode & 0o777 == 0o600
    html = sheets.read_text(encoding="utf-8")
    assert html.count("<article>") == 2
    assert rca(home, "mail", "send")["sent"] == 1
    (mail,) = post_office.mails()
    body = mail.get_body(("plain",))
    assert body is not None
    (successor,) = rca(home, "list", "--user", "m1", "--hierarchy", "new")
    assert f": {successor['number']}" in body.get_content()
    assert rca(home, *run)["issued"] == 0, "a second run tells nobody twice"
    assert sheets.read_text(encoding="utf-8") == html, "nor are the sheets of the first lost"
    assert rca(home, "mail", "send")["sent"] == 0


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("server", ["takes the mail", "refuses the login", "hangs up"])
def test_sending_prints_no_secret_for_any_server_reply(
    home: Home, tls: tuple[ssl.SSLContext, Path], server: str
) -> None:
    """Not of the login, nor of the mail: in /proc, in a traceback, in a file beside the login's."""
    with PostOffice(tls=tls[0], login=(USER, PASSWORD)) as office:
        office.after_data = ["hang up"] if server == "hangs up" else []
        password = "another canary" if server == "refuses the login" else PASSWORD
        home = secured(home, office, password=password)
        request = IssuanceRequest(User("proc", email="proc@example.jp"), "android")
        (issued,) = issuance.issue(home, [request], "new", compose.Letters(home).put)
        assert isinstance(issued, Issued)
        sending = subprocess.Popen(
            [*PROGRAM, "--home", str(home.path), "-v", "mail", "send"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "SSL_CERT_FILE": str(tls[1]), "RCA_DEBUG": "1"},
        )
        seen, out, err = watch(sending, code=0 if server == "takes the mail" else 7)
    assert b"send" in seen
    assert ("Traceback" in err) == (server != "takes the mail")
    assert issued.link is not None
    texts = [seen, out.encode(), err.encode()]
    texts += [
        path.read_bytes()
        for path in home.path.rglob("*")
        if path.is_file() and path.name not in ("smtp.password", "passphrase")
    ]
    encoded = base64.b64encode(f"\0{USER}\0{password}".encode())  # AUTH PLAIN (RFC 4616)
    for secret in (password, issued.password, issued.link.rpartition("/")[2], PASSPHRASE.decode()):
        assert not any(secret.encode() in text or encoded in text for text in texts), secret


class SendKilled(BaseException):
    """The machine stops."""


@pytest.mark.parametrize("after", [False, True])
def test_a_certificate_and_its_mail_are_recorded_together_or_not_at_all(
    home: Home, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    put = outbox.put

    def die(*arguments: Any) -> None:
        if after:
            put(*arguments)
        raise SendKilled

    request = IssuanceRequest(User("late", email="late@example.jp"), "android")
    monkeypatch.setattr(outbox, "put", die)
    with pytest.raises(SendKilled):
        issuance.issue(home, [request], "new", compose.Letters(home).put)
    assert list(outbox.stream(home.db, None)) == []
    found = home.db.row(
        "SELECT count(*) FROM bundle JOIN certificate AS c ON c.id = certificate WHERE user = ?",
        ("late",),
    )
    assert found is not None
    assert found[0] == 0
