"""Groups: the same service, offered by several organisations, under one name of ours."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from control_plane.model.identity import ResourceName, TrustDomain
from control_plane.model.problem import InvalidValueError

MAX_MEMBERS = 16


class GroupMode(StrEnum):
    """Who of the members is asked."""

    FAILOVER = "failover"  # the first one whose nodes are healthy, in the order of ``members``
    BALANCE = "balance"  # all of them, by the weights of their nodes


@dataclass(frozen=True, slots=True)
class Group:
    """``name@organisation``, where ``organisation`` is ours: what our applications call.

    Each of ``members`` offers a resource of that ``name``; each is asked by its own host name. We may be one
    of them where they are asked in an order: our own service is spoken to in another protocol, and cannot
    share a balance with partners.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    name: ResourceName
    organisation: TrustDomain
    members: tuple[TrustDomain, ...]
    mode: GroupMode = GroupMode.FAILOVER

    def __post_init__(self) -> None:
        if not 1 <= len(self.members) <= MAX_MEMBERS:
            raise InvalidValueError(
                "bad_members", f"expected 1 to {MAX_MEMBERS} members, got {len(self.members)}"
            )
        if len(set(self.members)) != len(self.members):
            raise InvalidValueError("bad_members", "expected different members, got one twice")
        if self.organisation in self.members and self.mode is not GroupMode.FAILOVER:
            raise InvalidValueError(
                "bad_members",
                f"expected mode failover with {self.organisation} itself as a member, got {self.mode}",
            )

    @property
    def key(self) -> str:
        """``name@organisation``."""
        return f"{self.name}@{self.organisation}"
