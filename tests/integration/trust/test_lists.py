"""Revocation lists in a real Envoy, both ways: what they refuse, and that they harm nobody else's partner."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
import pytest_asyncio

from control_plane.model.crl import CrlMode, CrlPolicy
from tests.integration.trust.neighbours import PARTNERS, Neighbours, gateway_of, neighbours
from tests.unit.pki.federation import LUEBECK, RIGA, VISBY, organisation
from tests.unit.pki.minting import DAY, NOW, Minted, crl_pem

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

HOUR = timedelta(hours=1)
BOTH, NEITHER, OUT_ONLY = (True, True), (False, False), (False, True)
ROOT, ISSUING = organisation(VISBY).root, organisation(VISBY).issuing
SERIAL = gateway_of(VISBY).certificate.serial_number
ABOVE = ISSUING.certificate.serial_number
HARD, SOFT = CrlPolicy(), CrlPolicy(CrlMode.SOFT, grace=DAY)


def late(issuer: Minted, *serials: int) -> str:
    """A list that ended, whose grace is not over."""
    return crl_pem(issuer, *serials, begin=NOW - 2 * DAY, end=NOW - HOUR)


def over(issuer: Minted) -> str:
    """A list whose grace is over."""
    return crl_pem(issuer, begin=NOW - 3 * DAY, end=NOW - 2 * DAY)


@dataclass(frozen=True)
class Scenario:
    """Visby's lists, and what becomes of Visby: whether it gets in, and whether we get to it."""

    name: str
    policy: CrlPolicy
    crls: tuple[str, ...]
    visby: tuple[bool, bool]


SCENARIOS = (
    Scenario("good lists", HARD, (crl_pem(ROOT), crl_pem(ISSUING, 7)), BOTH),
    Scenario("its gateway's certificate listed", HARD, (crl_pem(ROOT), crl_pem(ISSUING, SERIAL)), NEITHER),
    Scenario("its intermediate listed", HARD, (crl_pem(ROOT, ABOVE), crl_pem(ISSUING)), NEITHER),
    Scenario("an expired list", HARD, (crl_pem(ROOT), late(ISSUING)), NEITHER),
    Scenario("an expired list of its root", HARD, (late(ROOT), crl_pem(ISSUING)), NEITHER),
    Scenario("a list of one of its two issuers", HARD, (crl_pem(ROOT),), NEITHER),
    Scenario("a list of the other of its two issuers", HARD, (crl_pem(ISSUING),), NEITHER),
    Scenario("good lists, soft", SOFT, (crl_pem(ROOT), crl_pem(ISSUING)), BOTH),
    Scenario("its certificate listed, soft", SOFT, (crl_pem(ROOT), crl_pem(ISSUING, SERIAL)), NEITHER),
    Scenario("its intermediate listed, soft", SOFT, (crl_pem(ROOT, ABOVE), crl_pem(ISSUING)), NEITHER),
    Scenario("a late list, soft", SOFT, (crl_pem(ROOT), late(ISSUING)), BOTH),
    Scenario("a list of one of its issuers, soft", SOFT, (crl_pem(ROOT),), BOTH),
    # Our egress has no list of what to deny: it needs Envoy's own, which is left out while it is late.
    Scenario("listed in a late list, soft", SOFT, (crl_pem(ROOT), late(ISSUING, SERIAL)), OUT_ONLY),
    Scenario("a list whose grace is over", SOFT, (crl_pem(ROOT), over(ISSUING)), NEITHER),
    Scenario("a root's list whose grace is over", SOFT, (over(ROOT), crl_pem(ISSUING)), NEITHER),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def around() -> AsyncIterator[Neighbours]:
    async with neighbours() as made:
        yield made


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_lists_refuse_their_own_partner_and_nobody_else(around: Neighbours, scenario: Scenario) -> None:
    visby = replace(organisation(VISBY).bundle(*scenario.crls), crl_policy=scenario.policy)
    luebeck = organisation(LUEBECK)
    # One of the others has good lists, one has none: neither may notice.
    bundles = (
        visby,
        luebeck.bundle(crl_pem(luebeck.root), crl_pem(luebeck.issuing)),
        organisation(RIGA).bundle(),
    )

    async with around.between(bundles) as ours:
        served = await ours.served()

    assert served == {VISBY: scenario.visby, LUEBECK: BOTH, RIGA: BOTH}


async def test_without_lists_everybody_passes_both_ways(around: Neighbours) -> None:
    async with around.between(organisation(name).bundle() for name in PARTNERS) as ours:
        served = await ours.served()

    assert served == dict.fromkeys(PARTNERS, BOTH)
