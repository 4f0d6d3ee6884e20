import pytest

from rewriter import count_joins


@pytest.mark.parametrize(
    ("sql", "joins"),
    [
        ("SELECT 1", 0),
        ("SELECT a, b FROM t WHERE f(a, b) IN (1, 2) ORDER BY a, b", 0),
        ("SELECT * FROM a JOIN b USING (x, y)", 1),
        ("SELECT * FROM a LEFT JOIN b ON a.x = b.x AND f(a.y, b.y) NATURAL JOIN c", 2),
        ("SELECT * FROM a, b AS b1 (x, y), LATERAL f(a.x, 1) WHERE a.x = b1.x", 2),
        ("SELECT a, (SELECT x FROM b, c) FROM t", 1),
        ("SELECT a, b FROM (SELECT x, y FROM b CROSS JOIN c) AS s", 1),
        ("WITH x AS (SELECT 1, 2), y AS (SELECT 3) SELECT * FROM x, y", 1),
        ("SELECT extract(day FROM d), substring(a FROM 1 FOR 2), b FROM t", 0),
        ("SELECT trim(BOTH 'x' FROM a), b FROM t", 0),
        ("SELECT a IS DISTINCT FROM b, c FROM t", 0),
        ("SELECT * FROM a UNION SELECT b, c FROM d", 0),
        ("SELECT a, b FROM t FOR UPDATE OF t, u", 0),
        ("UPDATE a SET x = b.x, y = 1 FROM b WHERE a.id = b.id", 1),
        ("UPDATE a SET x = b.x FROM b, c WHERE a.id = b.id", 2),
        ("UPDATE a SET x = 1, y = 2", 0),
        ("DELETE FROM a USING b, c WHERE a.id = b.id", 2),
        ("DELETE FROM a WHERE id IN (SELECT id FROM b)", 0),
        ("MERGE INTO a USING b ON a.id = b.id WHEN MATCHED THEN UPDATE SET x = b.x, y = 2", 1),
        ("MERGE INTO a USING (SELECT * FROM b JOIN c USING (x)) s ON true WHEN NOT MATCHED THEN INSERT VALUES (1)", 2),
        ("DELETE FROM a USING b JOIN c USING (x) WHERE a.id = b.id", 2),
        ("INSERT INTO a (x, y) SELECT x, y FROM b JOIN c ON true", 1),
        ("INSERT INTO a (x, y) VALUES (1, 2), (3, 4) ON CONFLICT (x, y) DO UPDATE SET y = 1, x = 2", 0),
        ('SELECT * FROM "join", ?', 1),
        ("SELECT 'FROM a, b'", 0),
        ("COPY (SELECT * FROM a, b) TO STDOUT", 1),
        ("SELECT * FROM a, (((b", 1),
        ("SELECT 'unterminated", 0),
    ],
)
def test_joins(sql, joins):
    assert count_joins(sql) == joins
