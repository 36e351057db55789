-- The first store: hierarchies, users, certificates, bundles and pending issuances.

CREATE TABLE hierarchy (
    name TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL,
    retired_at INTEGER,
    cutoff INTEGER
) STRICT, WITHOUT ROWID;

-- crl_number is the last number used (RFC 5280 §5.2.3: it never decreases); the times are those
-- of that CRL. changes counts revocations and releases; crl_changes counts those on the newest
-- CRL.
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
) STRICT;

CREATE TABLE user (
    id TEXT PRIMARY KEY,
    name TEXT,
    email TEXT,
    facility TEXT,
    network TEXT
) STRICT, WITHOUT ROWID;

-- standing is the recorded status, without the clock: with it, an issued or downloaded
-- certificate past its not_after is expired. supersedes is unique: a certificate has one
-- successor. An imported CA may have negative serial numbers.
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
) STRICT;

-- Separate from the records: with the DER in the same rows every scan takes twice as long.
CREATE TABLE certificate_der (
    certificate INTEGER PRIMARY KEY REFERENCES certificate (id),
    der BLOB NOT NULL
) STRICT;

-- An entry of revokedCertificates (RFC 5280 §5.1.2.6) as DER, built at the revocation.
CREATE TABLE crl_entry (
    authority INTEGER NOT NULL REFERENCES authority (id),
    certificate INTEGER NOT NULL REFERENCES certificate (id),
    der BLOB NOT NULL,
    PRIMARY KEY (authority, certificate)
) STRICT, WITHOUT ROWID;

CREATE TABLE bundle (
    certificate INTEGER PRIMARY KEY REFERENCES certificate (id),
    container TEXT NOT NULL CHECK (container IN ('p12', 'mobileconfig', 'pem')),
    sealed BLOB NOT NULL,
    sealed_password BLOB NOT NULL,
    password_hash TEXT NOT NULL
) STRICT;

-- The pending issuance: committed before the signature, deleted in the transaction that records
-- the certificate. A remaining row is an orphaned issuance: its certificate is revoked.
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
) STRICT;

-- One for every filter and order of `rca list`. Each ends in the list's order, so that a page is
-- read from the index without sorting; with not_after and standing it also skips rows of
-- another status without reading them.
CREATE INDEX certificate_by_date ON certificate (issued_at, id, not_after, standing);

CREATE INDEX certificate_live ON certificate (issued_at, id, not_after, standing)
       WHERE standing <> 'revoked';

CREATE INDEX certificate_by_standing ON certificate (standing, issued_at, id, not_after);

CREATE INDEX certificate_by_user ON certificate (user, issued_at, id);

CREATE INDEX certificate_by_device ON certificate (device, issued_at, id);

CREATE INDEX certificate_by_authority ON certificate (authority, issued_at, id);

CREATE INDEX certificate_by_end ON certificate (not_after, id);

CREATE INDEX certificate_by_serial ON certificate (serial);

CREATE INDEX certificate_by_note ON certificate (note) WHERE note IS NOT NULL;

CREATE INDEX user_by_facility ON user (facility, id) WHERE facility IS NOT NULL;

CREATE INDEX user_by_network ON user (network, id) WHERE network IS NOT NULL;
