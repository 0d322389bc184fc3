"""What is known of one link: a function of the announcements and goodbyes so far, and of the time.

A responder that changes its TXT record may say goodbye and announce itself anew within the second. So a
goodbye counts only after a while in which nothing else was heard.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from control_plane.discovery import txt
from control_plane.model.node import MAX_ENDPOINTS
from control_plane.model.problem import InvalidValueError, Problem
from control_plane.model.sighting import Candidate, RawEndpoint
from control_plane.ports.source import Seen

MAX_SERVICES = 1000  # of one link; whoever comes later is counted and not kept
MAX_COUNTED = 20_000  # names beyond it that are told apart, so that they can be counted
MAX_LABEL = 63  # bytes, RFC 1035
HOLD = 1.5  # seconds that a goodbye waits for another announcement
TYPE = "_proxenia._tcp.local."
SUFFIX = f".{TYPE}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service as it was announced. ``name`` is ``<instance>._proxenia._tcp.local.``."""

    name: str
    port: int
    weight: int
    addresses: tuple[str, ...]
    txt: bytes


@dataclass(slots=True)
class View:
    """Everything that was announced on a link, within bounds: who was first stays."""

    _known: dict[str, Candidate | Problem | None] = field(default_factory=dict)  # None: not resolved yet
    _leaving: dict[str, float] = field(default_factory=dict)  # when a goodbye is believed
    _beyond: dict[str, None] = field(default_factory=dict)

    def admit(self, name: str) -> bool:
        """Whether there is room for ``name``; it then has a place until it goes."""
        if name in self._known:
            return True
        if len(self._known) >= MAX_SERVICES:
            if len(self._beyond) < MAX_COUNTED:
                self._beyond[name] = None
            return False
        self._beyond.pop(name, None)
        self._known[name] = None
        return True

    def refill(self) -> None:
        """Give places that became free to those who waited longest."""
        waiting = list(self._beyond)[: max(0, MAX_SERVICES - len(self._known))]
        for name in waiting:
            self.admit(name)

    def refuse(self, name: str, code: str, detail: str) -> None:
        """Say why an admitted name cannot be used."""
        self._known[name] = Problem(subject(name), code, detail)

    def announce(self, service: Service) -> bool:
        """Take in what an admitted service says; whether that is news."""
        made = _made_of(service)
        news = self._known.get(service.name) != made
        if service.name in self._known:
            self._known[service.name] = made
        return news

    def confirm(self, name: str) -> None:
        """It was heard of: a goodbye before is void."""
        self._leaving.pop(name, None)

    def forget(self, name: str) -> None:
        """It was never there."""
        self._known.pop(name, None)
        self._leaving.pop(name, None)

    def goodbye(self, name: str, now: float) -> None:
        """It said that it goes, or was not heard of for its time to live."""
        self._beyond.pop(name, None)
        if name in self._known:
            self._leaving[name] = now + HOLD

    def give_up(self, name: str, now: float) -> bool:
        """It does not answer: what it said goes as after a goodbye. Whether it had said something."""
        if self._known.get(name) is None:
            self.forget(name)
            return False
        self.goodbye(name, now)
        return True

    def pass_on(self, now: float) -> bool:
        """Forget those whose goodbye is old enough; whether there were any."""
        gone = [name for name, due in self._leaving.items() if due <= now]
        for name in gone:
            del self._leaving[name]
            self._known.pop(name, None)
        return bool(gone)

    @property
    def due(self) -> float | None:
        """When the next goodbye is to be believed."""
        return min(self._leaving.values(), default=None)

    @property
    def names(self) -> tuple[str, ...]:
        """Those that have a place."""
        return tuple(self._known)

    def report(self) -> Seen:
        """All of it, in the order of the names."""
        known = [self._known[name] for name in sorted(self._known)]
        return Seen(
            tuple(one for one in known if isinstance(one, Candidate)),
            refused=tuple(one for one in known if isinstance(one, Problem)),
            left_out=len(self._beyond),
        )


def _made_of(service: Service) -> Candidate | Problem:
    try:
        return _candidate(service)
    except InvalidValueError as error:
        return Problem(subject(service.name), error.code, error.detail)


def subject(name: str) -> str:
    """A name as an operator may be shown it."""
    return name if name.isprintable() else ascii(name)


def is_instance(name: str) -> bool:
    """Whether it is ``<instance>._proxenia._tcp.local.``, and can be written into a message again.

    zeroconf decodes names generously: what was not UTF-8 may have become longer than a label can be.
    """
    label = name.removesuffix(SUFFIX)
    return label != name and 1 <= len(label.encode()) <= MAX_LABEL and label.isprintable()


def _candidate(service: Service) -> Candidate:
    label = service.name.removesuffix(SUFFIX)
    if not service.addresses:
        raise InvalidValueError("no_address", "expected an address, got none")
    if len(service.addresses) > MAX_ENDPOINTS:
        raise InvalidValueError(
            "too_many_addresses", f"expected at most {MAX_ENDPOINTS} addresses, got {len(service.addresses)}"
        )
    said = txt.read(tuple(_strings(service.txt)))
    weight = max(1, service.weight)
    return Candidate(
        subject=subject(service.name),
        node_id=said.node_id or label,
        organisation=said.organisation,
        spiffe_id=said.spiffe_id,
        endpoints=tuple(RawEndpoint(host, service.port, 0, weight) for host in sorted(service.addresses)),
        name=label,
        region=said.region,
        version=said.version,
        resources=said.resources,
        metadata=said.metadata,
    )


def _strings(data: bytes) -> Iterator[bytes]:
    """The strings of a TXT record; what is cut off is left out."""
    offset = 0
    while offset < len(data):
        end = offset + 1 + data[offset]
        yield data[offset + 1 : end]
        offset = end
