"""Signatures of the audit in the database: the header, which holds the signer's chain, is kept once."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import asyncpg

from control_plane.chain.batch import Claim
from control_plane.ports.audit_log import StoredHead

_BATCH = """
WITH signer AS (INSERT INTO audit_signers (id, header) VALUES ($4, $5) ON CONFLICT DO NOTHING)
INSERT INTO audit_batches (batch, day, body, signer, signed) VALUES ($1, $2, $3, $4, $6)
"""
_HEAD = """
WITH signer AS (INSERT INTO audit_signers (id, header) VALUES ($4, $5) ON CONFLICT DO NOTHING)
INSERT INTO audit_heads (size, day, frontier, signer, signed) VALUES ($1, $2, $3, $4, $6)
"""


async def store_batch(connection: asyncpg.Connection, claim: Claim, signed: bytes) -> None:
    """Write down what came together."""
    await connection.execute(_BATCH, claim.batch, claim.day, claim.body, *_split(signed))


async def store_head(connection: asyncpg.Connection, head: StoredHead) -> None:
    """Write down a head."""
    await connection.execute(_HEAD, head.size, head.day, head.frontier, *_split(head.signed))


def joined(row: Mapping[str, Any]) -> bytes:
    """The signature of a row that was read with its signer's ``header``; empty when it has none."""
    if not row["signed"] or row["header"] is None:
        return b""
    return f"{row['header']}.{row['signed']}".encode()


def _split(signed: bytes) -> tuple[bytes, str, str]:
    """The signer's id, the header, and the rest of a JWS in compact form."""
    header, _, rest = signed.decode().partition(".")
    return sha256(header.encode()).digest(), header, rest
