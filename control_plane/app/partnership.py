"""Speaking with partners' control planes: peering and the following of bundles, put together and run."""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from control_plane.admin.dependencies import AuditParts, PeeringParts
from control_plane.app.auditing import parts_of, schedule_of, stores_of
from control_plane.app.listening import parse_listen
from control_plane.app.remarks import Remarks
from control_plane.app.settings import Settings, SettingsError
from control_plane.app.source_settings import words
from control_plane.model.identity import TrustDomain
from control_plane.model.peering import PeeringAddress
from control_plane.model.problem import InvalidValueError
from control_plane.peering.assemble import Needs, Peering
from control_plane.peering.options import Options
from control_plane.plan.addresses import AddressPolicy
from control_plane.ports.certificates import OwnAuthority
from control_plane.store.database import Database
from control_plane.trust.bundles import PartnerBundles
from control_plane.trust.takeover import Takeover


@dataclass(frozen=True, slots=True)
class Partnership:
    """What runs beside the rest when ``peering_listen`` is set."""

    peering: Peering
    bundles: PartnerBundles
    takeover: Takeover
    listening: socket.socket
    remarks: Remarks

    @classmethod
    def of(
        cls, settings: Settings, database: Database, authority: OwnAuthority, *, now: Callable[[], datetime]
    ) -> "Partnership | None":
        """Bind and put together; None when partners' control planes do not reach this one."""
        if not settings.peering_listen:
            return None
        listening = _bind(settings)
        bundles: PartnerBundles | None = None
        takeover = Takeover(objects=database.objects, deliveries=database.deliveries, clock=now)
        remarks = Remarks(database.objects)

        async def hurry(organisation: TrustDomain) -> None:
            if bundles is not None:
                await bundles.refresh(organisation)

        needs = Needs(
            objects=database.objects,
            audit=database.audit,
            invitations=database.invitations,
            partners=database.partners,
            singleton=database.singleton,
            credentials=lambda: authority.server_credentials(now=now()),
            bundle=authority.bundle,
            now=now,
            fetch_soon=hurry,
            phase=takeover.phase,
            remarks=remarks.about,
            audits=stores_of(database),
            schedule=schedule_of(settings),
        )
        peering = Peering.of(_options(settings, listening), needs)
        bundles = PartnerBundles(
            objects=database.objects,
            store=database.bundle_states,
            fetcher=peering.outward,
            singleton=database.singleton,
            audit=database.audit,
            own=settings.trust_domain,
            now=now,
        )
        return cls(peering, bundles, takeover, listening, remarks)

    @property
    def parts(self) -> PeeringParts:
        """What the admin API uses."""
        return PeeringParts(
            inviting=self.peering.inviter,
            joining=self.peering.joiner,
            views=self.peering.hearing,
            bundles=self.bundles,
        )

    @property
    def audits(self) -> AuditParts | None:
        """What the admin API uses to compare audits."""
        return parts_of(self.peering)

    async def run(self) -> None:
        """Serve, beat and follow until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.peering.run(self.listening), name="peering")
            group.create_task(self.bundles.run(), name="bundles")
            group.create_task(self.takeover.run(), name="takeover of bundles")


def _bind(settings: Settings) -> socket.socket:
    endpoint = parse_listen(settings.peering_listen)
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    try:
        listening = socket.create_server((endpoint.host, endpoint.port), family=family, backlog=128)
    except OSError as error:
        message = f"peering_listen: cannot listen on {settings.peering_listen}: {error.strerror}"
        raise SettingsError([message]) from error
    listening.setblocking(False)  # noqa: FBT003 - the socket module's signature
    return listening


def _options(settings: Settings, listening: socket.socket) -> Options:
    try:
        address = PeeringAddress.parse(settings.peering_address or settings.peering_listen)
    except InvalidValueError as error:
        listening.close()
        raise SettingsError([f"peering_address: {error.detail}"]) from error
    return Options(
        own=settings.trust_domain,
        addresses=(address,),
        advertised=settings.gateway_address,
        policy=AddressPolicy.of(words(settings.partner_networks)),
        automatic=frozenset(TrustDomain(word) for word in words(settings.approve_automatically)),
        heartbeat=settings.heartbeat_seconds,
    )
