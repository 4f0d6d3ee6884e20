-- What the proxies suggested. Run once.

CREATE TABLE kameleon.kdb_suggestions (
    entity_id       int NOT NULL REFERENCES kameleon.kdb_entity_definitions ON DELETE CASCADE,
    kind            text NOT NULL CHECK (kind IN ('index', 'materialize', 'dematerialize')),
    -- of the index; empty for the others
    columns         name[] NOT NULL DEFAULT '{}',
    reason          text NOT NULL,
    evidence        text NOT NULL,
    priority        text NOT NULL CHECK (priority IN ('low', 'medium', 'high')),
    -- the part of the time that it is estimated to save
    gain            float8 NOT NULL,
    -- ms that the statement took, or all statements within the window
    spent_ms        float8 NOT NULL,
    times           bigint NOT NULL DEFAULT 1,
    first_suggested timestamptz NOT NULL DEFAULT now(),
    last_suggested  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (entity_id, kind, columns)
);
COMMENT ON TABLE kameleon.kdb_suggestions IS 'What would make statements faster, as the proxies found: the view kameleon.suggestions shows what still holds.';
