"""The audit as a log: shipments with the hashes of their rows, seals, signed heads; partitions by day."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLES = (
    # The log's name: a database that is made anew begins another log.
    """
    CREATE TABLE audit_log (
        only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        id uuid NOT NULL DEFAULT gen_random_uuid()
    )
    """,
    "INSERT INTO audit_log DEFAULT VALUES",
    # Transaction numbers begin anew in a database that was restored from a dump: the base lifts them.
    "CREATE TABLE audit_epochs (base bigint PRIMARY KEY)",
    "INSERT INTO audit_epochs VALUES (0)",
    # The header of signatures holds the signer's chain and is always the same, so it is kept once.
    "CREATE TABLE audit_signers (id bytea PRIMARY KEY, header text NOT NULL)",
    # One row for each transaction that stored events: time and leaf hash of each, in their order.
    """
    CREATE TABLE audit_batches (
        batch bigint NOT NULL,
        day date NOT NULL,
        body bytea NOT NULL,
        signer bytea NOT NULL,
        signed text NOT NULL,
        PRIMARY KEY (batch, day)
    ) PARTITION BY LIST (day)
    """,
    "ALTER TABLE audit_batches ALTER COLUMN body SET STORAGE EXTERNAL",
    # What the sealer made of a batch: the number of its first row, and the chain before and at each row.
    """
    CREATE TABLE audit_seals (
        batch bigint NOT NULL,
        day date NOT NULL,
        first bigint NOT NULL,
        previous bytea NOT NULL,
        links bytea NOT NULL,
        PRIMARY KEY (batch, day)
    ) PARTITION BY LIST (day)
    """,
    "ALTER TABLE audit_seals ALTER COLUMN links SET STORAGE EXTERNAL",
    "CREATE INDEX audit_seals_first ON audit_seals (first)",
    """
    CREATE TABLE audit_heads (
        size bigint NOT NULL,
        day date NOT NULL,
        frontier bytea NOT NULL,
        signer bytea NOT NULL,
        signed text NOT NULL,
        PRIMARY KEY (size, day)
    ) PARTITION BY LIST (day)
    """,
    # The last head of each day whose rows are gone.
    "CREATE TABLE audit_kept (LIKE audit_heads, PRIMARY KEY (size))",
    # The shortest time for which rows are kept, whatever the application asks for; its owner may change it.
    """
    CREATE TABLE audit_limits (
        only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        least_days integer NOT NULL CHECK (least_days > 0)
    )
    """,
    "INSERT INTO audit_limits (least_days) VALUES (7)",
)

# One table at a time: two locked in one transaction would meet those who store or read in another order.
PREPARE = """
CREATE FUNCTION audit_prepare(base text, wanted date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
DECLARE
    today date := (now() AT TIME ZONE 'UTC')::date;
    name text := base || to_char(wanted, '_YYYYMMDD');
BEGIN
    IF base NOT IN ('audit_events', 'audit_batches', 'audit_seals', 'audit_heads')
        OR wanted < today - 400 OR wanted > today + 3 THEN
        RETURN false;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('proxenia ' || base, 0));
    IF to_regclass(format('{schema}.%I', name)) IS NOT NULL THEN
        RETURN true;
    END IF;
    IF base <> 'audit_events' THEN
        EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES IN (%L)', name, base, wanted);
    ELSE
        BEGIN
            EXECUTE format('CREATE TABLE %I PARTITION OF audit_events FOR VALUES FROM (%L) TO (%L)',
                name, wanted || ' 00:00+00', wanted + 1 || ' 00:00+00');
        EXCEPTION WHEN check_violation THEN  -- rows of this day lie in the default partition already
            RETURN false;
        END;
    END IF;
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %I
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
    RETURN true;
END
$$
"""

# Batches, seals and heads stay three days longer than events, since clocks of gateways may be ahead.
RETIRE = """
CREATE FUNCTION audit_retire(until date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
DECLARE
    today date := (now() AT TIME ZONE 'UTC')::date;
    limit_day date := today - (SELECT least_days FROM audit_limits);
    sealed bigint := coalesce((SELECT max(s.batch) FROM audit_seals s), -1);
    base text;
    child text;
    of_day date;
    dropped integer := 0;
    has_open boolean;
BEGIN
    IF until > limit_day THEN
        RAISE EXCEPTION 'expected a day until %, got %', limit_day, until;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('proxenia audit days', 0));
    FOREACH base IN ARRAY ARRAY['audit_events', 'audit_heads', 'audit_seals', 'audit_batches'] LOOP
        FOR child IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = to_regclass(format('{schema}.%I', base)) AND c.relname ~ '_[0-9]{{8}}$'
            ORDER BY c.relname
        LOOP
            of_day := to_date(right(child, 8), 'YYYYMMDD');
            IF base <> 'audit_events' THEN
                of_day := of_day + 3;
            END IF;
            CONTINUE WHEN of_day >= until;
            EXECUTE format('SELECT EXISTS (SELECT FROM audit_batches WHERE day <= %L AND batch > %s)',
                of_day, sealed) INTO has_open;
            CONTINUE WHEN has_open;
            IF base = 'audit_batches' THEN  -- what was sealed on a later day is still walked through
                EXECUTE format('SELECT EXISTS (SELECT FROM %I b JOIN audit_seals s USING (batch))', child)
                    INTO has_open;
                CONTINUE WHEN has_open;
            END IF;
            IF base = 'audit_heads' THEN
                EXECUTE format('INSERT INTO audit_kept SELECT * FROM %I ORDER BY size DESC LIMIT 1
                    ON CONFLICT DO NOTHING', child);
            END IF;
            EXECUTE format('DROP TABLE %I', child);
            dropped := dropped + 1;
        END LOOP;
    END LOOP;
    DELETE FROM audit_events_default
        WHERE batch < (SELECT min(b.batch) FROM audit_batches b);
    RETURN dropped;
END
$$
"""

# What was there before there was a log becomes its first batch, which nobody signed: the first head does.
BEFORE = (
    "DROP TRIGGER append_only ON audit_events",
    "ALTER TABLE audit_events DROP COLUMN recorded_at",
    "ALTER TABLE audit_events ADD COLUMN batch bigint NOT NULL DEFAULT 0",
    "ALTER TABLE audit_events ADD COLUMN place integer NOT NULL DEFAULT 0",
    "ALTER TABLE audit_events DETACH PARTITION audit_events_default",
    "ALTER TABLE audit_events_default RENAME TO audit_events_before",
    "CREATE TABLE audit_events_default PARTITION OF audit_events DEFAULT",
    """
    SELECT audit_prepare(base, (now() AT TIME ZONE 'UTC')::date)
    FROM unnest(ARRAY['audit_events', 'audit_batches', 'audit_seals', 'audit_heads']) AS base
    """,
    """
    SELECT audit_prepare('audit_events', day) FROM (
        SELECT DISTINCT (timestamp AT TIME ZONE 'UTC')::date AS day FROM audit_events_before
    ) AS days
    """,
    """
    UPDATE audit_events_before AS e SET place = numbered.place FROM (
        SELECT ctid AS id, (row_number() OVER (ORDER BY timestamp, reporter, row_id))::integer - 1 AS place
        FROM audit_events_before
    ) AS numbered WHERE e.ctid = numbered.id
    """,
    "INSERT INTO audit_events SELECT * FROM audit_events_before",
    """
    INSERT INTO audit_batches
    SELECT 0, (now() AT TIME ZONE 'UTC')::date, body, '', '' FROM (
        SELECT string_agg(
            int8send((extract(epoch FROM timestamp - '2000-01-01 00:00+00') * 1000000)::bigint)
            || sha256('\\x0001'::bytea || record_send(ROW(
                event_id, reporter, row_id, event_type, direction, correlation_id, source_node, target_node,
                principal, principal_org, resource, capability, action, decision, reason, policy_id,
                peer_serial, peer_fingerprint, metadata::text, timestamp, status, duration_ms, bytes
            ))), ''::bytea ORDER BY place
        ) AS body FROM audit_events
    ) AS made WHERE body IS NOT NULL
    """,
    "DROP TABLE audit_events_before",
    "ALTER TABLE audit_events ALTER COLUMN batch DROP DEFAULT, ALTER COLUMN place DROP DEFAULT",
    "CREATE UNIQUE INDEX audit_events_place ON audit_events (batch, place, timestamp)",
)

GUARDED = ("audit_events", "audit_batches", "audit_seals", "audit_heads", "audit_kept", "audit_signers")


def upgrade() -> None:
    """Make the tables, and take into the log what is there."""
    run = op.get_bind().exec_driver_sql
    schema = run("SELECT quote_ident(current_schema())").scalar_one()
    for statement in (*TABLES, PREPARE.format(schema=schema), RETIRE.format(schema=schema), *BEFORE):
        run(statement)
    for table in GUARDED:
        run(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    """Refuse: the proof that nothing was changed would be lost."""
    raise NotImplementedError("expected an upgrade, got a downgrade: restore a backup instead")
