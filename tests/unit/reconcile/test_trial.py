"""What is tried, how the guilty are found, and what an ordinary change costs."""

from collections.abc import Iterable

from control_plane.kit.slices import in_slices
from control_plane.model.change import Change, Item, Value
from control_plane.model.identity import ResourceName
from control_plane.model.node import Endpoint
from control_plane.model.resource import Resource
from control_plane.model.tuning import Tuning
from control_plane.ports.errors import UnavailableError
from control_plane.ports.publisher import Publication
from control_plane.ports.validation import NoVerdictError
from control_plane.reconcile.federator import Federator
from control_plane.reconcile.known import SAMPLES
from control_plane.reconcile.trial import Trial
from tests.golden.world import BREMEN, items, open_federation


class FakeValidation:
    """Refuses what holds one of ``bad``, and ends by a signal at ``deadly``, or so many times at anything."""

    def __init__(self, *bad: bytes) -> None:
        self.bad = set(bad)
        self.seen: list[bytes] = []
        self.down = False
        self.deadly = b""
        self.signals = 0

    async def fault(self, bootstrap: bytes) -> str | None:
        if self.down:
            raise UnavailableError("there is no Envoy")
        self.seen.append(bootstrap)
        if self.signals or (self.deadly and self.deadly in bootstrap):
            self.signals = max(0, self.signals - 1)
            raise NoVerdictError("Envoy ended by signal 11 before its verdict")
        found = sorted(name for name in self.bad if name in bootstrap)
        return f"bad {found[0].decode()}" if found else None


def ours(names: Iterable[str]) -> list[Value]:
    return [Resource(ResourceName(name), BREMEN, upstreams=(Endpoint("127.0.0.1", 9000),)) for name in names]


class Core:
    def __init__(self, validation: FakeValidation) -> None:
        self.federator = Federator(BREMEN, Tuning())
        self.trial = Trial(validation, Tuning(), BREMEN)

    async def put(self, *values: Value, gone: tuple[Item, ...] = ()) -> Publication:
        change = Change(1, (*items(values), *gone))
        return await in_slices(self.federator.steps(change), ask=self.trial.refused)

    @property
    def refused(self) -> set[str]:
        return {p.subject for p in self.federator.problems if p.code == "refused_by_envoy"}


async def test_the_guilty_of_many_are_found_and_nobody_else_is_held_up() -> None:
    core = Core(FakeValidation(b"local/r03", b"local/r17"))
    names = [f"r{number:02}" for number in range(40)]

    published = await core.put(*ours(names))

    clusters = {r.name for r in published.upserts if r.name.startswith("local/")}
    assert core.refused == {"export r03", "export r17"}
    assert clusters == {f"local/{name}" for name in names} - {"local/r03", "local/r17"}


async def test_of_many_alike_a_few_are_tried() -> None:
    validation = FakeValidation()
    core = Core(validation)

    await core.put(*ours(f"r{number:02}" for number in range(100)))

    assert core.trial.runs == 1
    assert sum(f"local/r{number:02}".encode() in validation.seen[0] for number in range(100)) == SAMPLES


async def test_a_known_kind_is_not_tried_and_a_new_one_is() -> None:
    core = Core(FakeValidation())
    await core.put(*open_federation())
    runs = core.trial.runs

    await core.put(*ours(["fish"]))
    ordinary = core.trial.runs
    await core.put(Resource(ResourceName("slow"), BREMEN, timeout_seconds=9.0))

    assert (ordinary, core.trial.runs) == (runs, runs + 1)


async def test_the_last_good_one_stays_until_the_object_is_mended() -> None:
    validation = FakeValidation()
    core = Core(validation)
    await core.put(*ours(["fish"]))
    validation.bad = {b"local/fish", b"to/fish"}

    slow = await core.put(Resource(ResourceName("fish"), BREMEN, timeout_seconds=9.0))
    held = core.refused
    again = await core.put(*ours(["fish"]))

    assert slow.upserts == again.upserts == ()
    assert held == {"export fish", "resource fish@bremen.example"}
    assert core.refused == set()


async def test_without_an_envoy_everything_is_published_as_before() -> None:
    validation = FakeValidation(b"local/fish")
    validation.down = True
    core = Core(validation)

    published = await core.put(*ours(["fish"]))

    assert "local/fish" in {resource.name for resource in published.upserts}
    assert core.refused == set()


async def test_an_envoy_that_ends_by_a_signal_is_asked_once_more() -> None:
    validation = FakeValidation(b"local/fish")
    validation.signals = 1
    core = Core(validation)

    published = await core.put(*ours(["fish"]))

    assert core.refused == {"export fish"}
    assert "local/fish" not in {resource.name for resource in published.upserts}


async def test_what_ends_envoy_by_a_signal_twice_is_held_back_alone() -> None:
    validation = FakeValidation()
    validation.deadly = b"local/fish"
    core = Core(validation)

    published = await core.put(*ours(["fish", "ships"]))

    assert core.refused == {"export fish"}
    assert "local/ships" in {resource.name for resource in published.upserts}
    (problem,) = [p for p in core.federator.problems if p.code == "refused_by_envoy"]
    assert "signal 11" in problem.detail


async def test_an_envoy_that_ends_by_a_signal_at_anything_holds_up_nothing() -> None:
    validation = FakeValidation()
    validation.signals = 3
    core = Core(validation)

    published = await core.put(*ours(["fish"]))

    assert "local/fish" in {resource.name for resource in published.upserts}
    assert core.refused == set()
