"""What a gateway was last told, as a log of the responses that told it. Pure.

Whoever replays the log has the resources; a response that a crash cut at its end never came.
"""

from collections.abc import Iterator, Mapping

from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryResponse, Resource
from google.protobuf.message import DecodeError

from control_plane.model.xds import XdsResource
from control_plane.xds.order import PUSH, RETURNING
from control_plane.xds.table import MAX_BEFORE

MAGIC = b"proxenia kept 1\n"
TYPES = tuple(row.type_url for row in PUSH)
_LENGTH = 4  # bytes before each response


class Kept:
    """Resources by type and name, and the version before of those that an Envoy may have refused."""

    def __init__(self) -> None:
        self._types: dict[str, dict[str, Resource]] = {type_url: {} for type_url in TYPES}
        self._before: dict[str, dict[str, Resource]] = {type_url: {} for type_url in sorted(RETURNING)}

    @classmethod
    def replay(cls, log: bytes) -> "Kept":
        """What a log leaves; ValueError when it is none, or of another version."""
        made = cls()
        if log and not log.startswith(MAGIC):
            raise ValueError("expected a log of this version")
        for data in _frames(log):
            try:
                made.take(DeltaDiscoveryResponse.FromString(data))
            except DecodeError as error:
                raise ValueError("expected responses, got other bytes") from error
        return made

    def take(self, message: DeltaDiscoveryResponse) -> bool:
        """Take one response over; whether anything is different now."""
        held = self._types.get(message.type_url)
        if held is None:
            raise ValueError(f"expected one of the types of a gateway, got {message.type_url[:100]!r}")
        changed = False
        for resource in message.resources:
            before = held.get(resource.name)
            held[resource.name] = resource
            if before is None or before.version != resource.version:
                changed = True
                self._replaced(message.type_url, before)
        for name in message.removed_resources:
            changed = held.pop(name, None) is not None or changed
            self._before.get(message.type_url, {}).pop(name, None)
        return changed

    def _replaced(self, type_url: str, before: Resource | None) -> None:
        if before is None or type_url not in RETURNING:
            return
        kept = self._before[type_url]
        kept.pop(before.name, None)
        kept[before.name] = before
        if len(kept) > MAX_BEFORE:
            del kept[next(iter(kept))]

    def versions(self, type_url: str) -> dict[str, str]:
        """What to say when asking for what is different."""
        return {name: resource.version for name, resource in self._types[type_url].items()}

    def resources(self) -> tuple[XdsResource, ...]:
        """Everything, as it was told."""
        return _resources(self._types)

    def before(self) -> tuple[XdsResource, ...]:
        """What was told before, of those that are sent again as they were."""
        return _resources(self._before)

    def log(self) -> bytes:
        """The shortest log that leaves this."""
        messages = (
            DeltaDiscoveryResponse(type_url=type_url, resources=held.values())
            for type_url, held in [*self._before.items(), *self._types.items()]
        )
        return MAGIC + b"".join(frame(message.SerializeToString()) for message in messages)


def _resources(types: Mapping[str, Mapping[str, Resource]]) -> tuple[XdsResource, ...]:
    return tuple(
        XdsResource(type_url, name, each.version, each.resource.value)
        for type_url, held in types.items()
        for name, each in held.items()
    )


def frame(data: bytes) -> bytes:
    """One response as it is appended to a log."""
    return len(data).to_bytes(_LENGTH) + data


def _frames(log: bytes) -> Iterator[bytes]:
    at = len(MAGIC)
    while at + _LENGTH <= len(log):
        end = at + _LENGTH + int.from_bytes(log[at : at + _LENGTH])
        if end > len(log):
            return
        yield log[at + _LENGTH : end]
        at = end
