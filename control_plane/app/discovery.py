"""Discovery, put together and run: the sources that the settings name, and what follows them."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from control_plane.admin.dependencies import DiscoveryParts
from control_plane.app.advertise import OurGateways
from control_plane.app.registration import registrar_of
from control_plane.app.settings import Settings
from control_plane.app.source_settings import words
from control_plane.app.sources import sources_of
from control_plane.discovery.claims import Claims
from control_plane.discovery.consul_register import Registrar
from control_plane.discovery.follow import Needs
from control_plane.discovery.guard import Rules
from control_plane.discovery.watch import Watch
from control_plane.plan.addresses import AddressPolicy
from control_plane.plan.age import Aging
from control_plane.ports.source import Source
from control_plane.reconcile.federator import Federator
from control_plane.store.database import Database


@dataclass(frozen=True, slots=True)
class Discovery:
    """What runs beside the rest; without sources it only withdraws what former ones said."""

    watch: Watch
    parts: DiscoveryParts  # what the admin API uses
    registrar: Registrar | None

    @classmethod
    def of(
        cls, settings: Settings, database: Database, federator: Federator, *, now: Callable[[], datetime]
    ) -> "Discovery":
        """With the sources that ``settings`` name."""
        ours = OurGateways(database.objects, settings.gateway_address)
        return cls.following(sources_of(settings, ours), settings, database, federator, now=now)

    @classmethod
    def following(
        cls,
        sources: Sequence[Source],
        settings: Settings,
        database: Database,
        federator: Federator,
        *,
        now: Callable[[], datetime],
    ) -> "Discovery":
        """Put together; nothing runs yet."""
        watch = Watch(
            sources,
            Needs(
                objects=database.objects,
                sources=database.sources,
                claims=Claims(database.audit, own=settings.trust_domain, now=now),
                rules=_Rulebook(settings, federator),
                aging=Aging(
                    keep=settings.discovery_keep_seconds,
                    offline=settings.discovery_offline_seconds,
                    blind=settings.discovery_blind_seconds,
                ),
                now=now,
            ),
            singleton=database.singleton,
        )
        parts = DiscoveryParts(sources=database.sources, names=watch.names, conflicts=federator.conflicts)
        return cls(watch, parts, registrar_of(settings, database))

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.watch.run(), name="sources")
            if self.registrar is not None:
                group.create_task(self.registrar.run(), name="registration in Consul")


class _Rulebook:
    """The guard's rules of this moment; the same object while nothing that they are made of changes."""

    def __init__(self, settings: Settings, federator: Federator) -> None:
        self._federator = federator
        self._rules = Rules(settings.trust_domain, AddressPolicy.of(words(settings.partner_networks)))

    def __call__(self) -> Rules:
        known, ourselves = self._federator.named(), self._federator.ourselves()
        if (known, ourselves) != (self._rules.known, self._rules.ourselves):
            self._rules = Rules(self._rules.own, self._rules.policy, known, ourselves)
        return self._rules
