"""The catalog: which tables are entities, how they are stored, and the SQL that keeps that true in the database.

`catalog.model` is the part everybody may import: frozen values and lookups, no I/O.
"""
