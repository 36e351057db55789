-- Downloads: links, claimed files and wrong guesses.

-- Of a token only the SHA-256 is stored.
CREATE TABLE download_link (
    token_hash BLOB PRIMARY KEY CHECK (length(token_hash) = 32),
    certificate INTEGER NOT NULL REFERENCES certificate (id),
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The claimed file, sealed, for the few minutes in which it may be fetched again.
CREATE TABLE handout (
    certificate INTEGER PRIMARY KEY REFERENCES certificate (id),
    token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    container TEXT NOT NULL CHECK (container IN ('p12', 'mobileconfig', 'pem')),
    sealed BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

-- Every revocation, of one certificate or of thousands, destroys the file.
CREATE TRIGGER handout_ends AFTER UPDATE OF revocation_reason ON certificate
WHEN NEW.revocation_reason IS NOT NULL AND NEW.revocation_reason <> 'certificateHold'
BEGIN
    DELETE FROM handout WHERE certificate = NEW.id;
END;

-- name: a retrieval number, known or not; an address (an IPv6 /64); '' for all clients.
CREATE TABLE guess (
    kind TEXT NOT NULL CHECK (kind IN ('number', 'address', 'all')),
    name TEXT NOT NULL,
    failures INTEGER NOT NULL CHECK (failures >= 0),
    since INTEGER NOT NULL,
    blocked_until INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX download_link_by_end ON download_link (expires_at);

CREATE INDEX handout_by_end ON handout (expires_at);

CREATE INDEX guess_by_age ON guess (since);
