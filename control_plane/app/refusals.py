"""Gateways that the control plane refused, as audit events: from where, and whose name they claimed."""

from contextlib import suppress
from dataclasses import dataclass

from control_plane.app.own_trust import utc_now
from control_plane.model.identity import TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.peering.record import Recorder
from control_plane.store.database import Database

ACTION = "gateway.connect"
_CODE = "not_this_gateway"


@dataclass(frozen=True, slots=True)
class GatewayRefusals:
    """``told`` is for xds.server.Rules; ``run`` is a task of its owner."""

    recorder: Recorder

    @classmethod
    def of(cls, own: TrustDomain, database: Database) -> "GatewayRefusals":
        """Put together; nothing runs yet."""
        return cls(Recorder(database.audit, own=own, now=utc_now))

    async def told(self, peer: str, detail: str) -> None:
        """Record one; repeated ones are counted (peering/record.py). ``peer`` is as grpc says it.

        On the unix socket there is no handshake: who comes there is our own user.
        """
        if peer.startswith("unix:"):
            return
        address = peer.partition(":")[2].rpartition(":")[0] or peer
        with suppress(InvalidValueError):  # the block's own
            async with self.recorder.refusals(ACTION, address):
                raise InvalidValueError(_CODE, detail)

    async def run(self) -> None:
        """Say how often what was refused was repeated, until cancelled."""
        await self.recorder.run()
