-- External roots and cross-certificates.

-- A future hierarchy: its issuing CA has a key; an external root is signing its certificate.
CREATE TABLE ca_request (
    hierarchy TEXT PRIMARY KEY,
    request BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Certificates of a root other than its issuing CA's: for a CA of another home, or the
-- cross-certificate for a CA of the hierarchy `crosses`. Committed before the signature; der
-- is NULL until then.
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
) STRICT, WITHOUT ROWID;
