-- The outbox for mail.

-- A mail with its link and password is sealed here until it is sent. state: waiting; sent;
-- failed (given up); void (its certificate was downloaded or revoked first). A mail without a
-- certificate is for the operator.
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
) STRICT;

-- The bundle is gone: its mail must not be sent, and its content is deleted.
CREATE TRIGGER outbox_void AFTER DELETE ON bundle
BEGIN
    UPDATE outbox SET sealed = NULL, state = 'void'
    WHERE certificate = OLD.certificate AND state = 'waiting';
END;

CREATE INDEX outbox_waiting ON outbox (next_try_at, id) WHERE state = 'waiting';

CREATE INDEX outbox_by_certificate ON outbox (certificate);
