"""In-memory keeping of heads that passes the same contract suite as the PostgreSQL one."""

from control_plane.model.identity import TrustDomain
from control_plane.model.problem import Problem
from control_plane.ports.heads import Evidence, HeldHead


class FakeHeads:
    """Implements ports.heads.HeadKeeping."""

    def __init__(self) -> None:
        self._kept: list[tuple[str, HeldHead]] = []
        self._evidence: list[Evidence] = []
        self._accepted: dict[TrustDomain, tuple[int, int]] = {}

    async def theirs(self, organisation: TrustDomain) -> HeldHead | None:
        begin = self._accepted.get(organisation, (0, 0))[0]
        return self._last("theirs", organisation, self._kept[begin:])

    async def ours(self, organisation: TrustDomain) -> HeldHead | None:
        return self._last("ours", organisation, self._kept)

    async def keep_theirs(self, held: HeldHead, *, after: HeldHead | None) -> bool:
        if await self.theirs(held.organisation) != after:
            return False
        if after is None or (held.log_id, held.size) != (after.log_id, after.size):
            self._kept.append(("theirs", held))
        return True

    async def keep_ours(self, held: HeldHead) -> None:
        self._kept.append(("ours", held))

    async def keep_evidence(self, evidence: Evidence) -> bool:
        known = {(one.organisation, one.held, one.offered) for one in self._evidence}
        if (evidence.organisation, evidence.held, evidence.offered) in known:
            return False
        self._evidence.append(evidence)
        return True

    async def evidence(self, *, limit: int) -> list[Evidence]:
        found = [
            one
            for number, one in enumerate(self._evidence)
            if number >= self._accepted.get(one.organisation, (0, 0))[1]
        ]
        return found[::-1][:limit]

    async def all(
        self, *, after: tuple[str, str] = ("", ""), limit: int | None = None
    ) -> list[tuple[str, HeldHead]]:
        last = {(held.organisation, side): (side, held) for side, held in self._kept}
        return [last[key] for key in sorted(last) if key > after][:limit]

    async def accept(self, organisation: TrustDomain, *, actor: str) -> None:
        del actor
        self._accepted[organisation] = (len(self._kept), len(self._evidence))

    @staticmethod
    def _last(side: str, organisation: TrustDomain, kept: list[tuple[str, HeldHead]]) -> HeldHead | None:
        found = [held for one, held in kept if one == side and held.organisation == organisation]
        return found[-1] if found else None


class FakeOffering:
    """Implements ports.heads.HeadOffering with what a test puts in."""

    def __init__(self) -> None:
        self.wrong: tuple[Problem, ...] = ()

    async def problems(self) -> tuple[Problem, ...]:
        return self.wrong
