"""The ids of nodes for outsiders: hashes of their keys, so that no table of them is needed."""

from uuid import NAMESPACE_URL, UUID, uuid5

from control_plane.admin.listing import every
from control_plane.model.change import Kind
from control_plane.ports.objects import Objects

_NODES = uuid5(NAMESPACE_URL, "urn:proxenia:node")
_KNOWN = 100_000


def node_uuid(key: str) -> UUID:
    """The id of the node with this key: the same in every deployment, and for ever."""
    return uuid5(_NODES, key)


class NodeIds:
    """Finds a node's key by its id. A hash cannot be turned round, so keys are hashed until one fits."""

    def __init__(self) -> None:
        self._keys: dict[UUID, str] = {}

    async def key_of(self, text: str, objects: Objects) -> str:
        """The key that ``text`` is, or is the id of; ``text`` itself when no node has that id."""
        try:
            wanted = UUID(text)
        except ValueError:
            return text
        if wanted not in self._keys:
            if len(self._keys) > _KNOWN:
                self._keys.clear()
            for kind in (Kind.NODE, Kind.SIGHTING):
                async for stored in every(objects, kind):
                    key = stored.key.partition(" ")[0]  # a sighting's begins with that of its node
                    self._keys[node_uuid(key)] = key
        return self._keys.get(wanted, text)
