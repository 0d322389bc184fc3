"""What the application's login may do, where another role owns the schema: everything but change records.

Whoever owns a table can give itself any right to it, so a login that owns the schema is only held back by
triggers. With an owner of its own (the embedded server has one; ``database_owner_url`` elsewhere), no
statement of the application can change, delete or truncate a record, or undo that.
"""

import asyncpg

RECORDS = (
    "history",
    "audit_events",
    "audit_batches",
    "audit_seals",
    "audit_heads",
    "audit_signers",
    "audit_epochs",
    "audit_witnessed",
    "audit_head_evidence",
    "audit_head_accepted",
)
"""Tables to which rows are only ever added."""
READ_ONLY = ("alembic_version", "audit_log", "audit_kept", "audit_limits")
FUNCTIONS = ("audit_prepare(text, date)", "audit_retire(date)")
_PARTITIONS = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = ANY($1::text[]::regclass[])"


async def granted(connection: asyncpg.Connection, login: str) -> bool:
    """Whether ``login`` has its rights on the newest tables already, or needs none."""
    if login == await connection.fetchval("SELECT current_user"):
        return True
    return bool(
        await connection.fetchval(
            "SELECT has_table_privilege($1, 'alembic_version', 'SELECT')"
            " AND NOT has_table_privilege($1, 'alembic_version', 'UPDATE')",
            login,
        )
    )


async def expect(connection: asyncpg.Connection, login: str) -> None:
    """Let ``login`` use what the owner makes from now on at once: others work while the schema is made.

    What it must not do with records is taken away again as soon as they are there (``grant``).
    """
    role, owner = await connection.fetchrow("SELECT quote_ident($1), quote_ident(current_user)", login)
    if role != owner:
        await connection.execute(
            f"ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}"
        )
        await connection.execute(f"ALTER DEFAULT PRIVILEGES GRANT USAGE ON SEQUENCES TO {role}")


async def grant(connection: asyncpg.Connection, login: str) -> None:
    """Give ``login`` the rights that the application needs, as the owner of everything."""
    async with connection.transaction():
        role = await connection.fetchval("SELECT quote_ident($1)", login)
        if role == await connection.fetchval("SELECT quote_ident(current_user)"):
            return
        schema = await connection.fetchval("SELECT quote_ident(current_schema())")
        partitions = [row[0] for row in await connection.fetch(_PARTITIONS, list(RECORDS))]
        of_others = ", ".join((*RECORDS, *READ_ONLY, *partitions))
        for statement in (
            f"GRANT USAGE ON SCHEMA {schema} TO {role}",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}",
            f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
            f"REVOKE ALL ON {of_others} FROM {role}",
            f"GRANT SELECT, INSERT ON {', '.join(RECORDS)} TO {role}",
            f"GRANT SELECT ON {', '.join(READ_ONLY)} TO {role}",
            # From here on, partitions are what the owner makes: nobody touches them but through their table.
            f"ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM {role}",
            *(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC" for name in FUNCTIONS),
            *(f"GRANT EXECUTE ON FUNCTION {name} TO {role}" for name in FUNCTIONS),
        ):
            await connection.execute(statement)
