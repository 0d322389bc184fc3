"""What every counter of shadow grants does."""

from datetime import timedelta

from control_plane.ports.audit import AuditStore
from control_plane.ports.shadow import ShadowCount, ShadowCounts
from tests.fakes.values import MOMENT, audit_event

STOCK = "stock@home.example"


def verdict(grant: str, result: str = "allowed") -> dict[str, str]:
    return {"shadow": grant, "shadow_result": result}


async def test_nothing_was_allowed_by_a_grant_that_nobody_met(shadows: ShadowCounts) -> None:
    assert await shadows.count("trial", STOCK, since=MOMENT) == ShadowCount(0, 0, None)


async def test_only_what_this_grant_would_have_allowed_at_this_resource_since_then_counts(
    audit: AuditStore, shadows: ShadowCounts
) -> None:
    await audit.append(
        [
            audit_event(1, resource=STOCK, decision="denied", metadata=verdict("trial")),
            audit_event(10, resource=STOCK, decision="denied", metadata=verdict("trial")),
            audit_event(11, resource=STOCK, decision="allowed", metadata=verdict("trial")),
            audit_event(12, resource=STOCK, metadata=verdict("other")),
            audit_event(13, resource=STOCK, metadata=verdict("trial", "denied")),
            audit_event(14, resource="fish@home.example", metadata=verdict("trial")),
            audit_event(15, resource=STOCK),
        ]
    )

    found = await shadows.count("trial", STOCK, since=MOMENT + timedelta(seconds=5))

    assert found == ShadowCount(2, 1, MOMENT + timedelta(seconds=11))
