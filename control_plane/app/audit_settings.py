"""The settings of the audit, a part of ``Settings``: how long it is kept, and what partners see of it."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from control_plane.app.source_settings import words
from control_plane.model.reconciliation import FIELDS


def _check_fields(text: str) -> str:
    for part in words(text):
        if part not in FIELDS:
            message = f"expected some of {', '.join(FIELDS)}, got {part[:80]!r}"
            raise ValueError(message)
    if set(words(text)) == set(FIELDS):
        message = "expected at least one field to be left"
        raise ValueError(message)
    return text


class AuditSettings(BaseModel):
    """Fields that ``Settings`` inherits."""

    audit_days: int = Field(default=90, ge=7, le=3650, description="days for which audit rows are kept")
    audit_query: Literal["hash", "drop"] = Field(
        default="hash",
        description="what is kept of query strings: a keyed hash (gateways write them to their log first), or"
        " nothing (drop: they are never written)",
    )
    spool_megabytes: int = Field(
        default=4096, ge=8, le=1 << 20, description="logs that may wait on a gateway's disk to be shipped"
    )
    spool_full: Literal["gap", "block"] = Field(
        default="gap",
        description="what happens then: gap (the oldest are dropped, which is said) or block (traffic waits)",
    )
    reconcile_seconds: float = Field(
        default=3600.0, ge=1, le=7 * 86400, description="how often our audit is compared with each partner's"
    )
    audit_heads_seconds: float = Field(
        default=3600.0, ge=1, le=7 * 86400, description="how often partners witness the head of our audit log"
    )
    reconcile_home: Annotated[str, AfterValidator(_check_fields)] = Field(
        default="",
        description="fields of audit rows that partners are only shown as keyed hashes, separated by commas",
    )
    reconcile_without: Annotated[str, AfterValidator(_check_fields)] = Field(
        default="", description="fields that take no part in the comparison, separated by commas"
    )
