"""`make bench`: how fast the proxy is, beside PostgreSQL alone and PgBouncer, in one table from one run.

* `servers`       PostgreSQL, PgBouncer and the proxy, started on free ports for the run and stopped by it
* `data`          the tables: the same rows in an ordinary table and in a shared entity
* `select_only`   pgbench: throughput and latency
* `streaming`     a million rows
* `idle_clients`  memory of the proxy per client that only stays connected
* `rewrites`      the rewriter by itself
* `report`        measurements, their ratios and targets, and the table

The machine is never quiet, so nothing is said by an absolute figure alone: what is compared runs in turn, for a few
seconds each, several rounds, and the table shows medians and the ratio to the peer of the same run.
"""
