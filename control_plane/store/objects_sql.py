"""The statements of ``objects``; each takes whole columns, so that one write and ten thousand cost alike."""

LOCK_HEAD = "SELECT revision FROM head FOR UPDATE"

HEAD = "SELECT revision FROM head"

ADVANCE = """
WITH advanced AS (UPDATE head SET revision = $1 RETURNING revision)
SELECT pg_notify($2, revision::text) FROM advanced
"""

# What is not there has revision 0.
VIOLATION = """
SELECT kind, key, mode, expected, present, revision
FROM (
    SELECT i.kind, i.key, i.mode, i.expected, i.place,
        o.key IS NOT NULL AND NOT o.deleted AS present,
        CASE WHEN o.key IS NULL OR o.deleted THEN 0 ELSE o.revision END AS revision
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
        WITH ORDINALITY AS i (kind, key, mode, expected, place)
    LEFT JOIN objects o ON o.kind = i.kind AND o.key = i.key
) AS seen
WHERE (mode = 'create' AND present)
    OR (mode IN ('replace', 'delete') AND NOT present)
    OR expected <> revision
ORDER BY place
LIMIT 1
"""

# Equal bodies are left alone; what changed is written to the history in the same statement. What strangers
# publish has no history: they could fill it.
APPLY = """
WITH changed AS (
    INSERT INTO objects AS o (kind, key, organisation, body, revision, created_at, updated_at, deleted)
    SELECT i.kind, i.key, coalesce(i.organisation, ''), i.body, $6,
        statement_timestamp(), statement_timestamp(), i.mode = 'delete'
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::jsonb[])
        AS i (kind, key, mode, organisation, body)
    ON CONFLICT (kind, key) DO UPDATE SET
        organisation = CASE WHEN excluded.deleted THEN o.organisation ELSE excluded.organisation END,
        body = excluded.body,
        revision = excluded.revision,
        created_at = CASE WHEN o.deleted THEN excluded.created_at ELSE o.created_at END,
        updated_at = excluded.updated_at,
        deleted = excluded.deleted
    WHERE o.body IS DISTINCT FROM excluded.body
    RETURNING kind, key, revision, body, updated_at
), recorded AS (
    INSERT INTO history (kind, key, revision, body, actor, at)
    SELECT kind, key, revision, body, $7, updated_at FROM changed WHERE kind <> 'sighting'
)
SELECT count(*) FROM changed
"""

_STORED = "SELECT kind, key, body, revision, created_at, updated_at FROM objects"

GET = f"{_STORED} WHERE kind = $1 AND key = $2 AND NOT deleted"

MANY = f"{_STORED} WHERE kind = $1 AND key = ANY ($2::text[]) AND NOT deleted"

PAGE = f"{_STORED} WHERE kind = $1 AND key > $2 AND NOT deleted ORDER BY key LIMIT $3"

PAGE_OF = f"""
{_STORED} WHERE kind = $1 AND key > $2 AND NOT deleted AND organisation = $4 ORDER BY key LIMIT $3
"""

# One statement sees one moment, so head and objects fit together without a transaction.
FEW_SINCE = """
SELECT h.revision, o.kind, o.key, o.body
FROM head AS h LEFT JOIN LATERAL (
    SELECT kind, key, body, revision FROM objects
    WHERE revision > $1 AND kind = ANY ($2) ORDER BY revision LIMIT $3
) AS o ON true
ORDER BY o.revision, o.kind, o.key
"""

SINCE = """
SELECT kind, key, body FROM objects WHERE revision > $1 AND kind = ANY ($2) ORDER BY revision, kind, key
"""

EVERYTHING = """
SELECT kind, key, body FROM objects
WHERE revision > $1 AND kind = ANY ($2) AND NOT deleted ORDER BY kind, key
"""
