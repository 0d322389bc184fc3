"""An in-memory history that passes the same contract suite as the PostgreSQL one."""

from collections.abc import Collection
from datetime import datetime

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.change import Kind
from control_plane.model.identity import TrustDomain
from control_plane.ports.history import MAX_NAMED, Revision, Then
from tests.fakes.objects import FakeObjects


class FakeHistory:
    """Implements ports.history.History over what a FakeObjects remembers."""

    def __init__(self, objects: FakeObjects) -> None:
        self._objects = objects

    async def revisions(self, *, before: int = 0, limit: int = 100) -> list[Revision]:
        self._objects.reach()
        found = []
        for number in range(self._objects.revision, 0, -1):
            touched = sorted(
                f"{kind} {key}" for kind, key, revision, _ in self._objects.past if revision == number
            )
            at = next(at for _, _, revision, at in self._objects.past if revision == number)
            actor = self._objects.actors[number - 1]
            kinds = tuple(sorted({name.partition(" ")[0] for name in touched}))
            found.append(Revision(number, at, actor, len(touched), tuple(touched[:MAX_NAMED]), kinds))
        return [each for each in found if before == 0 or each.revision < before][:limit]

    async def since(self, revision: int, *, limit: int = 100) -> list[Revision]:
        found = reversed(await self.revisions(limit=self._objects.revision + 1))
        return [each for each in found if each.revision > revision][:limit]

    async def trusted_since(self, organisations: Collection[TrustDomain]) -> dict[str, datetime]:
        self._objects.reach()
        found: dict[str, datetime] = {}
        for kind, key, revision, at in self._objects.past:
            if kind is not Kind.AGREEMENT or key not in organisations:
                continue
            value = self._objects.value_at(kind, key, revision)
            if isinstance(value, Agreement) and value.state is AgreementState.TRUSTED:
                found.setdefault(key, at)
            else:
                found.pop(key, None)
        return found

    async def differences(self, revision: int, kinds: Collection[Kind], *, limit: int) -> list[Then]:
        self._objects.reach()
        found = []
        for kind, key in sorted({(kind, key) for kind, key, *_ in self._objects.past if kind in kinds}):
            then = self._objects.value_at(kind, key, revision)
            now = await self._objects.get(kind, key)
            if then != (now.value if now else None):
                found.append(Then(kind, key, then, now))
        return found[:limit]
