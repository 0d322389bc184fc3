"""The change of our own trust anchors: how far it is, and what it waits for."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar


class Phase(StrEnum):
    """The steps in their order; ``aborting`` leads back instead."""

    ANNOUNCED = "announced"  # our bundle has both roots; the old one signs
    ACKNOWLEDGED = "acknowledged"  # every partner holds that bundle
    TAKEN_OVER = "taken_over"  # every partner's gateways, and ours, have it
    SWITCHED = "switched"  # the new root's intermediate signs
    PROVEN = "proven"  # requests passed with certificates of the new root
    ABORTING = "aborting"  # the old root's intermediate signs again; our gateways renew


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """An operator's word in place of an acknowledgement or of a proof, good for one step."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    name: str
    phase: Phase
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """What keeps a step from being done. ``name`` is a partner's, or ``gateway <id>`` for one of ours."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationView:
    """How a rotation stands, for people. ``phase`` is empty when there is none."""

    phase: str
    summary: str
    sequence: int  # of our bundle now
    started_at: datetime | None = None
    started_by: str = ""
    changed_at: datetime | None = None
    waiting: tuple[Waiting, ...] = ()
    confirmed: tuple[Confirmation, ...] = ()
    anchors: tuple[str, ...] = ()  # fingerprints, the signing one first
