"""What we find wrong with a partner's gateways, as our heartbeats tell its operator."""

from collections.abc import Callable
from dataclasses import dataclass

from control_plane.admin.listing import OrganisationQuery
from control_plane.admin.spoken import read_nodes
from control_plane.model.identity import TrustDomain
from control_plane.model.node import MAX_TEXT, NodeStatus
from control_plane.model.peering import MAX_REMARKS, Remark
from control_plane.model.problem import Problem
from control_plane.ports.fitness import Fitness
from control_plane.ports.objects import Objects

MOST_NODES = 200  # of one partner that are looked at


@dataclass(slots=True)
class Remarks:
    """Of what runs here; before there is any, nothing is found."""

    objects: Objects
    _fitness: Fitness | None = None
    _admission: Callable[[str], Problem | None] = lambda _: None

    def look(self, fitness: Fitness, *, admission: Callable[[str], Problem | None]) -> None:
        """What is seen of nodes, and why some of them get nothing."""
        self._fitness, self._admission = fitness, admission

    async def about(self, organisation: TrustDomain) -> tuple[Remark, ...]:
        """The first of what is wrong with this partner's nodes. Raises UnavailableError."""
        if self._fitness is None:
            return ()
        query = OrganisationQuery(organisation=organisation, limit=MOST_NODES)
        spoken, _ = await read_nodes(self.objects, query)
        found: list[Remark] = []
        for node_id, key in ((one.node.node_id, one.key) for one in spoken):
            refused, seen = self._admission(key), self._fitness.finding(key)
            if refused is not None:
                found.append(_remark(refused.code, f"{node_id} gets nothing of us: {refused.detail}"))
            elif seen.status is NodeStatus.OFFLINE:
                found.append(_remark("node_offline", f"{node_id} does not answer us: {seen.reason}"))
        return tuple(found[:MAX_REMARKS])


def _remark(code: str, detail: str) -> Remark:
    return Remark(code, "".join(c if c.isprintable() else "?" for c in detail)[:MAX_TEXT])
