CREATE UNLOGGED TABLE kameleon.kdb_rewritten (
    -- a hash of all that was asked: the answer depends on nothing else
    question   text PRIMARY KEY,
    body       text,
    -- why there is none
    problem    text,
    written_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE kameleon.kdb_rewritten IS 'What proxies have answered to sessions that asked for a body rewritten; of use for a moment only.';
