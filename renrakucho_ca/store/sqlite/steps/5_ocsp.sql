-- OCSP: delegated responders and changes since the response file.

-- A delegated responder. A row without a certificate is pending: its serial number is recorded
-- before the signature. sealed_key opens with the passphrase. portal_key opens with bundle.key
-- and exists only if rca.yaml lets the web process sign.
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
) STRICT;

-- The newest change of each certificate since its CA's response file was signed; with signed
-- responses for the new status as soon as they exist.
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
) STRICT;

CREATE INDEX ocsp_change_by_authority ON ocsp_change (authority, responder, id);

-- Notes every issuance, revocation, hold and release. A CA without a responder needs no notes. Each
-- change has a new number, so that it differs from the one that is being signed.
CREATE TRIGGER ocsp_issued AFTER INSERT ON certificate WHEN EXISTS (SELECT 1 FROM responder WHERE authority = NEW.authority) 
BEGIN
    DELETE FROM ocsp_change WHERE certificate = NEW.id;
    INSERT INTO ocsp_change (certificate, authority) VALUES (NEW.id, NEW.authority);
END;

CREATE TRIGGER ocsp_changed AFTER UPDATE OF revoked_at, revocation_reason ON certificate
        WHEN EXISTS (SELECT 1 FROM responder WHERE authority = NEW.authority) 
BEGIN
    DELETE FROM ocsp_change WHERE certificate = NEW.id;
    INSERT INTO ocsp_change (certificate, authority) VALUES (NEW.id, NEW.authority);
END;
