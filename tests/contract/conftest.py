"""Each port's suite runs against the fake and against the real PostgreSQL."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from control_plane.ports.answers import AnswerKeys
from control_plane.ports.audit import AuditStore
from control_plane.ports.audit_use import AuditStatistics
from control_plane.ports.deliveries import DeliveryLog
from control_plane.ports.heads import HeadKeeping
from control_plane.ports.history import History
from control_plane.ports.objects import Objects
from control_plane.ports.reconciliation import Crossings, Reconciliations
from control_plane.ports.shadow import ShadowCounts
from control_plane.ports.traffic import TrafficMinutes
from control_plane.store.database import Database
from tests.fakes.answers import FakeAnswerKeys
from tests.fakes.audit import FakeAudit, FakeStatistics
from tests.fakes.deliveries import FakeDeliveries
from tests.fakes.heads import FakeHeads
from tests.fakes.history import FakeHistory
from tests.fakes.objects import FakeObjects
from tests.fakes.reconciliation import FakeCrossings, FakeReconciliations
from tests.fakes.shadow import FakeShadowCounts
from tests.fakes.traffic import FakeMinutes
from tests.integration.discovery.plugin_world import example_installed
from tests.integration.postgres import database_url, postgres_server

__all__ = ["database_url", "example_installed", "postgres_server"]


@dataclass(frozen=True, slots=True)
class Store:
    """One implementation of the store's ports."""

    objects: Objects
    history: History
    shadows: ShadowCounts
    audit: AuditStore
    deliveries: DeliveryLog
    statistics: AuditStatistics
    crossings: Crossings
    reconciliations: Reconciliations
    heads: HeadKeeping
    answers: AnswerKeys
    minutes: TrafficMinutes


@pytest.fixture
def fake() -> Store:
    audit, objects = FakeAudit(), FakeObjects()
    return Store(
        objects,
        FakeHistory(objects),
        FakeShadowCounts(audit),
        audit,
        FakeDeliveries(),
        FakeStatistics(audit),
        FakeCrossings(audit),
        FakeReconciliations(),
        FakeHeads(),
        FakeAnswerKeys(),
        FakeMinutes(audit),
    )


@pytest_asyncio.fixture
async def postgres(database_url: str) -> AsyncIterator[Store]:
    async with Database(database_url) as database:
        yield Store(
            database.objects,
            database.history,
            database.shadows,
            database.audit,
            database.deliveries,
            database.statistics,
            database.crossings,
            database.reconciliations,
            database.heads,
            database.answers,
            database.minutes,
        )


@pytest.fixture(params=["fake", pytest.param("postgres", marks=pytest.mark.integration)])
def store(request: pytest.FixtureRequest) -> Store:
    made: Store = request.getfixturevalue(request.param)
    return made


@pytest.fixture
def objects(store: Store) -> Objects:
    return store.objects


@pytest.fixture
def audit(store: Store) -> AuditStore:
    return store.audit


@pytest.fixture
def minutes(store: Store) -> TrafficMinutes:
    return store.minutes


@pytest.fixture
def answers(store: Store) -> AnswerKeys:
    return store.answers


@pytest.fixture
def heads(store: Store) -> HeadKeeping:
    return store.heads


@pytest.fixture
def deliveries(store: Store) -> DeliveryLog:
    return store.deliveries


@pytest.fixture
def history(store: Store) -> History:
    return store.history


@pytest.fixture
def shadows(store: Store) -> ShadowCounts:
    return store.shadows
