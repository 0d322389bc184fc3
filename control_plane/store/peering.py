"""Invitations and challenges (ports/peering.py) in PostgreSQL: each is used once, whichever replicas try.

Times are those of the database. What was used leaves its name behind for a while, so that a second use is
known as one.
"""

from datetime import datetime

import asyncpg

from control_plane.model.identity import TrustDomain
from control_plane.model.peering import OpenInvitation
from control_plane.ports.peering import Found, Redeemed, StoredInvitation
from control_plane.store.pool import Pool

_INVITATION, _CHALLENGE = "invitation", "challenge"

# Two operators who invite the same organisation at once take turns, so that the limit holds.
_TURN = "SELECT pg_advisory_xact_lock(hashtextextended('proxenia invite ' || $1, 0))"

_ISSUE = """
INSERT INTO peering_invitations (id, organisation, digest, verifier, actor, created_at, expires_at)
SELECT $1, $2, $3, $4, $5, clock_timestamp(), clock_timestamp() + make_interval(secs => $6)
WHERE (
    SELECT count(*) FROM peering_invitations WHERE organisation = $2 AND expires_at > clock_timestamp()
) < $7
RETURNING expires_at
"""

_FORGET = """
WITH
    old_invitations AS (
        DELETE FROM peering_invitations WHERE expires_at < clock_timestamp() - interval '30 days'
    ),
    old_challenges AS (
        DELETE FROM peering_challenges WHERE expires_at < clock_timestamp() - interval '1 day'
    )
DELETE FROM peering_spent
WHERE spent_at < clock_timestamp()
    - CASE kind WHEN 'challenge' THEN interval '1 day' ELSE interval '30 days' END
"""

_FIND = """
SELECT organisation, digest, verifier, expires_at <= clock_timestamp() AS expired
FROM peering_invitations WHERE id = $1
"""

_SPENT = "SELECT organisation FROM peering_spent WHERE kind = $1 AND id = $2"

_LOCK = "SELECT 1 FROM peering_invitations WHERE id = $1 FOR UPDATE"

_OPEN = """
INSERT INTO peering_challenges (nonce, invitation, expires_at)
SELECT $1, $2, clock_timestamp() + make_interval(secs => $3)
WHERE (
    SELECT count(*) FROM peering_challenges WHERE invitation = $2 AND expires_at > clock_timestamp()
) < $4
RETURNING 1
"""

# Both rows are locked before they are judged: of several replicas, the others see that the first has used
# them.
_TAKE_CHALLENGE = """
SELECT invitation, expires_at <= clock_timestamp() AS expired FROM peering_challenges
WHERE nonce = $1 FOR UPDATE
"""

_TAKE_INVITATION = """
SELECT organisation, expires_at <= clock_timestamp() AS expired FROM peering_invitations
WHERE id = $1 FOR UPDATE
"""

_SPEND = """
WITH
    challenge AS (DELETE FROM peering_challenges WHERE nonce = $2),
    invitation AS (DELETE FROM peering_invitations WHERE id = $1 RETURNING organisation)
INSERT INTO peering_spent (kind, id, organisation, spent_at)
SELECT used.kind, used.id, invitation.organisation, clock_timestamp()
FROM invitation, (VALUES ('invitation', $1), ('challenge', $2)) AS used (kind, id)
"""

_ALL_OPEN = """
SELECT id, organisation, actor, expires_at FROM peering_invitations
WHERE expires_at > clock_timestamp()
    AND ($1 = '' OR organisation = $1)
    AND ($2::timestamptz IS NULL OR (expires_at, id) > ($2, $3))
ORDER BY expires_at, id LIMIT $4
"""

_WITHDRAW = "DELETE FROM peering_invitations WHERE id = $1 AND expires_at > clock_timestamp() RETURNING 1"


class PostgresInvitations:
    """Implements ports.peering.Invitations."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def issue(
        self, invitation: StoredInvitation, *, seconds: int, actor: str, most: int
    ) -> datetime | None:
        """Keep it for ``seconds``; when it expires, or None when ``most`` are open for that organisation."""
        async with self._pool.transaction() as connection:
            await connection.execute(_TURN, invitation.organisation)
            await connection.execute(_FORGET)
            expires: datetime | None = await connection.fetchval(
                _ISSUE,
                invitation.id,
                invitation.organisation,
                invitation.digest,
                invitation.verifier,
                actor,
                seconds,
                most,
            )
        return expires

    async def find(self, invitation_id: str) -> StoredInvitation | None:
        """The invitation, whatever its state; those that ended long ago are forgotten."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(_FIND, invitation_id)
            used = None if row else await connection.fetchval(_SPENT, _INVITATION, invitation_id)
        if row is not None:
            return StoredInvitation(
                id=invitation_id,
                organisation=TrustDomain(row["organisation"]),
                digest=row["digest"],
                verifier=row["verifier"],
                state=Found.EXPIRED if row["expired"] else Found.GOOD,
            )
        if used is None:
            return None
        return StoredInvitation(
            id=invitation_id, organisation=TrustDomain(used), digest="", verifier="", state=Found.USED
        )

    async def challenge(self, invitation_id: str, nonce: str, *, seconds: int, most: int) -> bool:
        """Remember a nonce (hashed) for ``seconds``; False when ``most`` are open for the invitation."""
        async with self._pool.transaction() as connection:
            await connection.execute(_LOCK, invitation_id)
            return bool(await connection.fetchval(_OPEN, nonce, invitation_id, seconds, most))

    async def redeem(self, invitation_id: str, nonce: str) -> Redeemed:
        """Use up challenge and invitation in one transaction; of several at once, one gets GOOD, GOOD."""
        async with self._pool.transaction() as connection:
            row = await connection.fetchrow(_TAKE_CHALLENGE, nonce)
            if row is None:
                challenge = await _gone(connection, _CHALLENGE, nonce)
            elif row["expired"]:
                challenge = Found.EXPIRED
            else:
                challenge = Found.GOOD if row["invitation"] == invitation_id else Found.OTHERS
            row = await connection.fetchrow(_TAKE_INVITATION, invitation_id)
            if row is None:
                invitation = await _gone(connection, _INVITATION, invitation_id)
            else:
                invitation = Found.EXPIRED if row["expired"] else Found.GOOD
            if challenge is invitation is Found.GOOD:
                await connection.execute(_SPEND, invitation_id, nonce)
        return Redeemed(challenge, invitation)

    async def open(
        self, *, organisation: str = "", after: tuple[datetime, str] | None = None, limit: int | None = None
    ) -> list[OpenInvitation]:
        """Those that can be used now, of one organisation; the first to expire comes first."""
        end, name = after or (None, "")
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_ALL_OPEN, organisation, end, name, limit)
        return [
            OpenInvitation(
                id=row["id"],
                organisation=TrustDomain(row["organisation"]),
                actor=row["actor"],
                expires_at=row["expires_at"],
            )
            for row in rows
        ]

    async def withdraw(self, invitation_id: str) -> bool:
        """Forget it, so that its token is that of none; False when it is not open."""
        async with self._pool.connection() as connection:
            return bool(await connection.fetchval(_WITHDRAW, invitation_id))


async def _gone(connection: asyncpg.Connection, kind: str, name: str) -> Found:
    """What is known of one that is not there."""
    spent = await connection.fetchval(_SPENT, kind, name)
    return Found.UNKNOWN if spent is None else Found.USED
