"""Real clients, as their users run them, on entities. Nothing in here tells a client that a proxy is there.

Almost every test runs twice: `direct`, on PostgreSQL itself, which proves the test; and `proxied`, the same
function on another port, after which the rows must lie as documents in `kameleon.kdb_records`.
"""
