"""The database's steps. Appended, never edited: a store of any age comes up to date.

Times are whole seconds since 1970 in UTC. Facts are stored, states derived. Every rule that SQL can
hold is held here once more, so that no bug above can write a wrong state.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from sqlite_utils import Database as Utilities
from sqlite_utils import Migrations

if TYPE_CHECKING:
    from renrakucho_ca.store.sqlite.connection import Database

steps = Migrations("rca")


def apply(connection: sqlite3.Connection) -> None:
    """Applies the steps that are missing. The caller holds the lock outside the database."""
    steps.apply(Utilities(connection, execute_plugins=False))


def alterations(db: Database) -> list[str]:
    """What of the tables, indexes and triggers is missing or not as the steps make it, and triggers
    of others, which could undo a revocation. Others' tables, such as Litestream's, do no harm."""
    with closing(sqlite3.connect(":memory:")) as connection:
        apply(connection)
        made = _parts(connection.execute(_PARTS))
    found = _parts(db.rows(_PARTS))
    altered = [part for part, sql in made.items() if found.get(part) != sql]
    return altered + [part for part in found.keys() - made.keys() if part.startswith("trigger ")]


def _parts(rows: Iterable[Sequence[str]]) -> dict[str, str]:
    """By kind and name the SQL, however it is laid out."""
    return {f"{kind} {name}": " ".join(sql.split()) for kind, name, sql in rows}


# What SQLite makes by itself has no SQL; the table of the steps is sqlite-utils' own.
_PARTS = """
SELECT type, name, sql FROM sqlite_schema
WHERE sql IS NOT NULL AND tbl_name NOT IN ('_sqlite_migrations', 'sqlite_sequence')
"""


@steps()
def step_1_the_first_store(db: Utilities) -> None:
    for statement in (
        HIERARCHY,
        AUTHORITY,
        USER,
        CERTIFICATE,
        CERTIFICATE_DER,
        CRL_ENTRY,
        BUNDLE,
        INTENT,
        *INDEXES,
    ):
        db.execute(statement)


@steps()
def step_2_downloads(db: Utilities) -> None:
    for statement in (DOWNLOAD_LINK, HANDOUT, HANDOUT_ENDS, GUESS, *DOWNLOAD_INDEXES):
        db.execute(statement)


@steps()
def step_3_outbox(db: Utilities) -> None:
    for statement in (OUTBOX, OUTBOX_VOID, *OUTBOX_INDEXES):
        db.execute(statement)


@steps()
def step_4_audit(db: Utilities) -> None:
    for statement in (AUDIT, *AUDIT_INDEXES):
        db.execute(statement)


@steps()
def step_5_ocsp(db: Utilities) -> None:
    for statement in (RESPONDER, OCSP_CHANGE, OCSP_CHANGE_BY_AUTHORITY, *OCSP_CHANGES):
        db.execute(statement)


@steps()
def step_6_ca_certificates(db: Utilities) -> None:
    for statement in (CA_REQUEST, CA_CERTIFICATE):
        db.execute(statement)


HIERARCHY = """
CREATE TABLE hierarchy (
    name TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL,
    retired_at INTEGER,
    cutoff INTEGER
) STRICT, WITHOUT ROWID
"""

# crl_number is the last one given out (RFC 5280 §5.2.3: it never goes back); the times are those
# of the CRL that carries it. changes counts revocations and releases, crl_changes those that the
# newest CRL carries.
AUTHORITY = """
CREATE TABLE authority (
    id INTEGER PRIMARY KEY,
    hierarchy TEXT NOT NULL REFERENCES hierarchy (name),
    tier TEXT NOT NULL CHECK (tier IN ('root', 'issuing')),
    certificate BLOB NOT NULL,
    fingerprint_sha256 TEXT NOT NULL UNIQUE,
    subject TEXT NOT NULL,
    not_after INTEGER NOT NULL,
    key_algorithm TEXT NOT NULL,
    key TEXT,
    crl_days INTEGER NOT NULL CHECK (crl_days >= 7),
    crl_number INTEGER NOT NULL DEFAULT 0,
    crl_this_update INTEGER,
    crl_next_update INTEGER,
    changes INTEGER NOT NULL DEFAULT 0,
    crl_changes INTEGER NOT NULL DEFAULT 0,
    UNIQUE (hierarchy, tier)
) STRICT
"""

USER = """
CREATE TABLE user (
    id TEXT PRIMARY KEY,
    name TEXT,
    email TEXT,
    facility TEXT,
    network TEXT
) STRICT, WITHOUT ROWID
"""

# standing is what can be said without a clock; with the clock, an issued or downloaded one past
# its not_after is expired. A certificate has one successor at most: supersedes is unique. A CA that
# was taken over may have given out negative serial numbers.
CERTIFICATE = """
CREATE TABLE certificate (
    id INTEGER PRIMARY KEY,
    number INTEGER NOT NULL UNIQUE CHECK (number BETWEEN 10000000 AND 99999999),
    authority INTEGER NOT NULL REFERENCES authority (id),
    serial TEXT NOT NULL CHECK (
        serial GLOB '[-0-9a-f]*' AND serial <> '-' AND substr(serial, 2) NOT GLOB '*[^0-9a-f]*'
    ),
    user TEXT NOT NULL REFERENCES user (id),
    device TEXT NOT NULL,
    profile TEXT NOT NULL,
    note TEXT,
    line INTEGER NOT NULL,
    issued_at INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL CHECK (not_after > not_before),
    downloaded_at INTEGER,
    revoked_at INTEGER,
    revocation_reason TEXT CHECK (revocation_reason IN (
        'unspecified', 'keyCompromise', 'cACompromise', 'affiliationChanged', 'superseded',
        'cessationOfOperation', 'certificateHold', 'privilegeWithdrawn', 'aACompromise'
    )),
    supersedes INTEGER UNIQUE REFERENCES certificate (number),
    key_algorithm TEXT,
    fingerprint_sha256 TEXT UNIQUE,
    standing TEXT GENERATED ALWAYS AS (
        CASE WHEN revocation_reason = 'certificateHold' THEN 'held'
             WHEN revoked_at IS NOT NULL THEN 'revoked'
             WHEN downloaded_at IS NOT NULL THEN 'downloaded'
             ELSE 'issued' END
    ) VIRTUAL,
    UNIQUE (authority, serial),
    CHECK ((revoked_at IS NULL) = (revocation_reason IS NULL))
) STRICT
"""

# Beside the records, not among them: with the DER in the same rows every scan takes twice as long.
CERTIFICATE_DER = """
CREATE TABLE certificate_der (
    certificate INTEGER PRIMARY KEY REFERENCES certificate (id),
    der BLOB NOT NULL
) STRICT
"""

# One entry of revokedCertificates (RFC 5280 §5.1.2.6) as DER, made when it was revoked.
CRL_ENTRY = """
CREATE TABLE crl_entry (
    authority INTEGER NOT NULL REFERENCES authority (id),
    certificate INTEGER NOT NULL REFERENCES certificate (id),
    der BLOB NOT NULL,
    PRIMARY KEY (authority, certificate)
) STRICT, WITHOUT ROWID
"""

BUNDLE = """
CREATE TABLE bundle (
    certificate INTEGER PRIMARY KEY REFERENCES certificate (id),
    container TEXT NOT NULL CHECK (container IN ('p12', 'mobileconfig', 'pem')),
    sealed BLOB NOT NULL,
    sealed_password BLOB NOT NULL,
    password_hash TEXT NOT NULL
) STRICT
"""

# Committed before anything is signed, removed in the transaction that records what was signed. One
# that is left over belongs to a process that died: what it may have signed is revoked.
INTENT = """
CREATE TABLE intent (
    number INTEGER PRIMARY KEY CHECK (number BETWEEN 10000000 AND 99999999),
    authority INTEGER NOT NULL REFERENCES authority (id),
    serial TEXT NOT NULL CHECK (serial <> '' AND serial NOT GLOB '*[^0-9a-f]*'),
    user TEXT NOT NULL REFERENCES user (id),
    device TEXT NOT NULL,
    profile TEXT NOT NULL,
    subject TEXT NOT NULL,
    at INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    supersedes INTEGER UNIQUE REFERENCES certificate (number),
    UNIQUE (authority, serial)
) STRICT
"""

# One for every filter and order of `rca list`; each ends in the order of the list, so that a page
# is read off the index without sorting. Where it has what a state depends on besides, rows of
# another state are passed over without being read.
INDEXES = (
    "CREATE INDEX certificate_by_date ON certificate (issued_at, id, not_after, standing)",
    """CREATE INDEX certificate_live ON certificate (issued_at, id, not_after, standing)
       WHERE standing <> 'revoked'""",
    "CREATE INDEX certificate_by_standing ON certificate (standing, issued_at, id, not_after)",
    "CREATE INDEX certificate_by_user ON certificate (user, issued_at, id)",
    "CREATE INDEX certificate_by_device ON certificate (device, issued_at, id)",
    "CREATE INDEX certificate_by_authority ON certificate (authority, issued_at, id)",
    "CREATE INDEX certificate_by_end ON certificate (not_after, id)",
    "CREATE INDEX certificate_by_serial ON certificate (serial)",
    "CREATE INDEX certificate_by_note ON certificate (note) WHERE note IS NOT NULL",
    "CREATE INDEX user_by_facility ON user (facility, id) WHERE facility IS NOT NULL",
    "CREATE INDEX user_by_network ON user (network, id) WHERE network IS NOT NULL",
)

# -- step 2

# A token is kept as its SHA-256.
DOWNLOAD_LINK = """
CREATE TABLE download_link (
    token_hash BLOB PRIMARY KEY CHECK (length(token_hash) = 32),
    certificate INTEGER NOT NULL REFERENCES certificate (id),
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID
"""

# The file that was claimed, sealed, for the few minutes in which it may be fetched again.
HANDOUT = """
CREATE TABLE handout (
    certificate INTEGER PRIMARY KEY REFERENCES certificate (id),
    token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    container TEXT NOT NULL CHECK (container IN ('p12', 'mobileconfig', 'pem')),
    sealed BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT
"""

# Whatever revokes a certificate, one by one or by the thousand, destroys its file.
HANDOUT_ENDS = """
CREATE TRIGGER handout_ends AFTER UPDATE OF revocation_reason ON certificate
WHEN NEW.revocation_reason IS NOT NULL AND NEW.revocation_reason <> 'certificateHold'
BEGIN
    DELETE FROM handout WHERE certificate = NEW.id;
END
"""

# name: a number, known or not; an address (of IPv6 a /64); '' for all.
GUESS = """
CREATE TABLE guess (
    kind TEXT NOT NULL CHECK (kind IN ('number', 'address', 'all')),
    name TEXT NOT NULL,
    failures INTEGER NOT NULL CHECK (failures >= 0),
    since INTEGER NOT NULL,
    blocked_until INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID
"""

DOWNLOAD_INDEXES = (
    "CREATE INDEX download_link_by_end ON download_link (expires_at)",
    "CREATE INDEX handout_by_end ON handout (expires_at)",
    "CREATE INDEX guess_by_age ON guess (since)",
)

# -- step 3

# A mail lies here sealed, with its link and password, until it is sent. state: waiting; sent;
# failed: given up; void: its certificate was downloaded or revoked first. One without a certificate
# is for the operator.
OUTBOX = """
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    certificate INTEGER REFERENCES certificate (id),
    recipients TEXT NOT NULL CHECK (recipients <> ''),
    sealed BLOB,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'failed', 'void')),
    created_at INTEGER NOT NULL,
    next_try_at INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    problem TEXT,
    CHECK ((sealed IS NOT NULL) = (state = 'waiting'))
) STRICT
"""

# What a mail would hand out is gone: nobody should get it, and nothing of it stays.
OUTBOX_VOID = """
CREATE TRIGGER outbox_void AFTER DELETE ON bundle
BEGIN
    UPDATE outbox SET sealed = NULL, state = 'void'
    WHERE certificate = OLD.certificate AND state = 'waiting';
END
"""

OUTBOX_INDEXES = (
    "CREATE INDEX outbox_waiting ON outbox (next_try_at, id) WHERE state = 'waiting'",
    "CREATE INDEX outbox_by_certificate ON outbox (certificate)",
)

# -- step 4

# hash is SHA-256 over the hash of the row before and the row's canonical line
# (store/tables/audit_log.py). No
# rule holds edits back here: whoever has the file could take it out. What was edited is found.
AUDIT = """
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    origin TEXT NOT NULL,
    act TEXT NOT NULL,
    object TEXT NOT NULL,
    detail TEXT NOT NULL,
    hash BLOB NOT NULL
) STRICT
"""

# For every filter of `rca audit log`.
AUDIT_INDEXES = (
    "CREATE INDEX audit_by_date ON audit (at)",
    "CREATE INDEX audit_by_act ON audit (act)",
    "CREATE INDEX audit_by_actor ON audit (actor)",
    "CREATE INDEX audit_by_object ON audit (object)",
)

# -- step 5

# Who answers for a CA by OCSP. The row without a certificate is the intent: its serial number is
# recorded before anything is signed. sealed_key opens with the passphrase; portal_key, which is
# there only where rca.yaml lets the portal sign, with bundle.key.
RESPONDER = """
CREATE TABLE responder (
    id INTEGER PRIMARY KEY,
    authority INTEGER NOT NULL REFERENCES authority (id),
    serial TEXT NOT NULL CHECK (serial <> '' AND serial NOT GLOB '*[^0-9a-f]*'),
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL CHECK (not_after > not_before),
    certificate BLOB,
    sealed_key BLOB,
    portal_key BLOB,
    UNIQUE (authority, serial),
    CHECK (sealed_key IS NULL OR certificate IS NOT NULL),
    CHECK (portal_key IS NULL OR sealed_key IS NOT NULL)
) STRICT
"""

# What has changed since the responses of a CA were signed ahead, all of them: the newest change of
# each certificate. With its own responses, of the state that stands beside them, once it is signed.
OCSP_CHANGE = """
CREATE TABLE ocsp_change (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    certificate INTEGER NOT NULL UNIQUE REFERENCES certificate (id),
    authority INTEGER NOT NULL REFERENCES authority (id),
    responder INTEGER REFERENCES responder (id),
    this_update INTEGER,
    next_update INTEGER,
    revoked_at INTEGER,
    reason TEXT,
    sha1 BLOB,
    sha256 BLOB,
    CHECK ((responder IS NULL) = (this_update IS NULL)),
    CHECK ((responder IS NULL) = (next_update IS NULL)),
    CHECK ((responder IS NULL) = (sha1 IS NULL)),
    CHECK ((responder IS NULL) = (sha256 IS NULL))
) STRICT
"""

# Whatever issues, revokes, holds or releases, one by one or by the thousand, is noted here. A CA
# that has no responder answers nothing, and nothing is noted. A change has a new number each time,
# so nobody takes it for the one before that was being signed.
_NOTE_CHANGE = """
BEGIN
    DELETE FROM ocsp_change WHERE certificate = NEW.id;
    INSERT INTO ocsp_change (certificate, authority) VALUES (NEW.id, NEW.authority);
END
"""
_ANSWERED = "EXISTS (SELECT 1 FROM responder WHERE authority = NEW.authority)"
OCSP_CHANGES = (
    f"CREATE TRIGGER ocsp_issued AFTER INSERT ON certificate WHEN {_ANSWERED} {_NOTE_CHANGE}",
    f"""CREATE TRIGGER ocsp_changed AFTER UPDATE OF revoked_at, revocation_reason ON certificate
        WHEN {_ANSWERED} {_NOTE_CHANGE}""",
)

OCSP_CHANGE_BY_AUTHORITY = """
CREATE INDEX ocsp_change_by_authority ON ocsp_change (authority, responder, id)
"""

# -- step 6: CAs that are certified elsewhere, and those of elsewhere that are certified here

# A hierarchy to be: its issuing CA's key is made, and its certificate is being signed elsewhere.
CA_REQUEST = """
CREATE TABLE ca_request (
    hierarchy TEXT PRIMARY KEY,
    request BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID
"""

# What a root has signed besides its own issuing CA: a CA of another home, or, as a bridge, a CA of
# the hierarchy `crosses`. Committed before it is signed; der is absent until it was.
CA_CERTIFICATE = """
CREATE TABLE ca_certificate (
    authority INTEGER NOT NULL REFERENCES authority (id),
    serial TEXT NOT NULL CHECK (serial <> '' AND serial NOT GLOB '*[^0-9a-f]*'),
    subject TEXT NOT NULL,
    crosses TEXT REFERENCES hierarchy (name),
    at INTEGER NOT NULL,
    not_after INTEGER NOT NULL CHECK (not_after > at),
    der BLOB,
    revoked_at INTEGER,
    revocation_reason TEXT CHECK (revocation_reason IN (
        'unspecified', 'keyCompromise', 'cACompromise', 'affiliationChanged', 'superseded',
        'cessationOfOperation', 'privilegeWithdrawn', 'aACompromise'
    )),
    crl_entry BLOB,
    PRIMARY KEY (authority, serial),
    CHECK ((revoked_at IS NULL) = (revocation_reason IS NULL)),
    CHECK ((revoked_at IS NULL) = (crl_entry IS NULL))
) STRICT, WITHOUT ROWID
"""
