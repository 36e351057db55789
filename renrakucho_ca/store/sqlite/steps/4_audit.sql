-- The audit log.

-- hash is SHA-256 over the previous row's hash and this row's canonical line
-- (store/tables/audit_log.py). No trigger forbids edits: an attacker with the file could drop
-- it. The verifier finds edits.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    origin TEXT NOT NULL,
    act TEXT NOT NULL,
    object TEXT NOT NULL,
    detail TEXT NOT NULL,
    hash BLOB NOT NULL
) STRICT;

-- For every filter of `rca audit log`.
CREATE INDEX audit_by_date ON audit (at);

CREATE INDEX audit_by_act ON audit (act);

CREATE INDEX audit_by_actor ON audit (actor);

CREATE INDEX audit_by_object ON audit (object);
