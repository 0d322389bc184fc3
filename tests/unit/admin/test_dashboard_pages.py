"""What single pages of the dashboard show, and which forms they have."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import aiohttp
import pytest

from control_plane.admin.dashboard import node_pages
from control_plane.admin.dashboard.offers_page import strength
from control_plane.admin.dashboard.routes_page import question
from control_plane.admin.tokens import Role
from control_plane.admin.views import GrantView
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.change import Kind
from control_plane.model.conditions import Conditions, Window
from control_plane.model.delivery import Delivery, Difference, Progress, Refusal
from control_plane.model.grant import Capability
from control_plane.model.held import Held
from control_plane.model.identity import ObjectId
from control_plane.model.xds import CLUSTER, LISTENER
from control_plane.ports.deliveries import GatewayState
from control_plane.ports.objects import Write
from tests.unit.admin.browsing import Browser, trusted
from tests.unit.admin.hostile_sources import GOOD, SIGHTING
from tests.unit.admin.test_audit_heads import EVIDENCE
from tests.unit.admin.world import OWN, PARTNER, World, certificate, grant, node, own_resource, resource


@pytest.fixture
async def browser(world: World) -> AsyncIterator[Browser]:
    jar = aiohttp.CookieJar(unsafe=True)  # of an address, not of a name
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        made = Browser(world, session)
        await made.sign_in(Role.OPERATOR)
        yield made


async def test_the_way_of_a_route_is_walked_to_where_it_stops(world: World, browser: Browser) -> None:
    await trusted(world)
    await world.call("POST", "/api/v1/federation/resources", resource())

    text = await browser.page(f"routes?subject={quote('orders@luebeck.example')}")

    stopped = re.search(r'<li class="stopped"><b>(\w+)</b>.*?stops here', text, re.DOTALL)
    assert stopped is not None
    asked = {"route": "orders@luebeck.example"}
    told = (await world.call("POST", "/api/v1/federation/routes/explain", asked)).document
    assert stopped[1] == told["steps"][-1]["stage"]
    assert told["code"] in text
    assert "not looked at" in text


async def test_a_question_that_cannot_be_asked_is_answered_with_what_was_expected(browser: Browser) -> None:
    text = await browser.page("routes?subject=nonsense")

    assert "expected a code of a denial or a failure" in text


@pytest.mark.parametrize(
    ("subject", "about"),
    [("orders@luebeck.example", "route"), ("x" * 36, "request"), ("no_grant", "code")],
)
def test_what_is_meant_is_guessed_by_its_looks(subject: str, about: str) -> None:
    asked = question({"subject": subject, "about": "", "caller": "", "action": "", "capability": ""})

    assert getattr(asked, about) == subject


async def test_an_organisation_is_shown_with_what_each_side_must_read(world: World, browser: Browser) -> None:
    await trusted(world)
    world.anchors = (certificate(OWN)[0],)

    text = await browser.page(f"organisation?name={PARTNER}")

    shown = re.findall(r'<span class="words">([a-z ]+)</span>', text)
    theirs = (await world.call("GET", f"/api/v1/federation/agreements/{PARTNER}")).document
    assert [len(words.split()) for words in shown] == [10, 10]
    assert shown[0] != shown[1]
    assert theirs["fingerprints"][0] in text.replace("<wbr>", "")


@pytest.mark.parametrize("verb", ["pause", "revoke"])
async def test_what_an_order_would_cut_is_shown_before_it_is_given(
    world: World, browser: Browser, verb: str
) -> None:
    await trusted(world)
    await world.call("POST", "/api/v1/federation/nodes", node())
    await world.call("POST", "/api/v1/federation/resources", resource())
    await world.call("POST", "/api/v1/federation/resources", own_resource())
    await world.call("POST", "/api/v1/federation/grants", grant())
    world.anchors = (certificate(OWN)[0],)
    before = world.state

    text = await browser.page(f"organisation?name={PARTNER}&verb={verb}")

    cut = text[text.index('<section class="warning"') : text.index("No, go back")]
    assert "all of its nodes (1)" in cut
    for name in ("lb-1", "orders@luebeck.example", "stockfish"):
        assert f"<code>{name}</code>" in cut
    assert world.state == before


async def test_a_verb_that_is_none_is_not_asked_about(world: World, browser: Browser) -> None:
    await trusted(world)
    world.anchors = (certificate(OWN)[0],)

    text = await browser.page(f"organisation?name={PARTNER}&verb=<b>remove</b>")

    assert 'class="warning"' not in text
    assert "remove" not in text


async def test_a_node_is_drained_after_a_question_and_used_again(world: World, browser: Browser) -> None:
    await trusted(world)
    await world.call("POST", "/api/v1/federation/nodes", node())
    key = f"lb-1@{PARTNER}"

    asked = await browser.page(f"node?key={quote(key)}&verb=drain")
    drain = {"method": "POST", "path": "/api/v1/federation/nodes/{key}/drain", ":key": key}
    status, place, _ = await browser.send("do", {**drain, "reason": "new disks", "back": f"node?key={key}"})
    drained = await browser.page(f"node?key={quote(key)}")

    assert f"Drain {key}?" in asked
    assert (status, place) == (303, f"/ui/node?key={key}")
    assert "draining" in drained
    assert "new disks" in drained
    assert "Send to it again" in drained


async def test_circuits_of_a_day_are_drawn_and_told(world: World, browser: Browser) -> None:
    await trusted(world)
    await world.call("POST", "/api/v1/federation/nodes", node())
    now = datetime.now(UTC)
    for kind, minutes, address in (
        (EventType.CIRCUIT_OPENED, 50, "192.0.2.1:8443"),
        (EventType.CIRCUIT_CLOSED, 20, "192.0.2.1:8443"),
        (EventType.CIRCUIT_OPENED, 10, "192.0.2.77:8443"),  # of another node
    ):
        await world.audit.append([circuit_event(kind, now - timedelta(minutes=minutes), address)])

    text = await browser.page(f"node?key=lb-1@{PARTNER}")

    assert text.count('<rect class="open"') == 1
    assert text.count("consecutive 5xx") == 2


async def test_what_waits_for_an_approval_is_in_one_queue(world: World, browser: Browser) -> None:
    await trusted(world, "pending")
    await world.call("POST", "/api/v1/federation/resources", own_resource())
    waiting = grant(conditions={"approval": "ticket-17"})
    await world.call("POST", "/api/v1/federation/grants", waiting)

    queue = await browser.page("trust")
    approve = {"method": "POST", "path": "/api/v1/federation/grants/{key}/approve", "back": "trust"}
    status, _, _ = await browser.send(
        "do", {**approve, ":key": "luebeck-uses-stockfish", "approval": "ticket-17"}
    )
    after = await browser.page("trust")

    assert "wants to be trusted" in queue
    assert "waits for ticket-17" in queue
    assert status == 303
    assert "waits for ticket-17" not in after


def circuit_event(kind: EventType, at: datetime, address: str) -> AuditEvent:
    row = f"{kind}:{at}"
    return AuditEvent(
        event_id=row,
        reporter="gw-1",
        row_id=row,
        timestamp=at,
        event_type=kind,
        resource=f"orders@{PARTNER}",
        reason="consecutive_5xx",
        metadata={"upstream_url": address},
    )


def granted(changes: dict[str, object]) -> GrantView:
    facts: dict[str, object] = {
        "id": "uses",
        "resource": "stockfish",
        "subject": PARTNER,
        "capabilities": (),
        "enabled": True,
        "shadow": False,
        "conditions": Conditions(),
        "approved_by": "",
        "created_at": datetime.now(UTC),
        "updated_at": datetime.now(UTC),
        "revision": 1,
    }
    return GrantView(**(facts | changes))  # type: ignore[arg-type]  # facts of a test


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, "allowed"),
        ({"subject": f"spiffe://{PARTNER}/gateway/lb-1"}, "part"),
        ({"capabilities": (Capability(("GET",)),)}, "part"),
        ({"conditions": Conditions(weekly=(Window(),))}, "part"),
        ({"conditions": Conditions(approval=ObjectId("t-1"))}, "waiting"),
        ({"conditions": Conditions(approval=ObjectId("t-1")), "approved_by": "ada"}, "part"),
        ({"shadow": True}, "shadow"),
        ({"enabled": False, "shadow": True}, "off"),
    ],
)
def test_a_grant_lets_through_what_its_word_says(changes: dict[str, object], word: str) -> None:
    assert strength(granted(changes)) == word


async def test_the_matrix_shows_the_strongest_grant_of_each_organisation(
    world: World, browser: Browser
) -> None:
    await world.call("POST", "/api/v1/federation/resources", own_resource())
    await world.call("POST", "/api/v1/federation/grants", grant("shadow", shadow=True))
    await world.call("POST", "/api/v1/federation/grants", grant("all"))
    await world.call("POST", "/api/v1/federation/grants", grant("other", subject="visby.example"))

    text = await browser.page("resources")

    matrix = text[text.index('<table class="matrix">') : text.index("</table>")]
    assert re.findall(r"<th scope=\"col\">.*?name=([a-z.]+)\"", matrix) == [PARTNER, "visby.example"]
    assert matrix.count("</i>may</span>") == 2
    assert "2 grants" in matrix
    assert "What shadow grants would do" in text


async def test_deliveries_are_a_matrix_and_refusals_are_in_envoys_words(
    world: World, browser: Browser
) -> None:
    refusal = Refusal("egress", "v1", "Proto constraint <validation> failed", 0.0)
    deliveries = (Delivery(CLUSTER, 3, 1, 2), Delivery(LISTENER, 2, 0, 1, (refusal,)))
    await world.deliveries.save([GatewayState("gw-1", True, deliveries, "a", datetime.now(UTC))])  # noqa: FBT003 - it is connected
    world.streams.of["gw-1"] = (
        Difference(LISTENER, "egress", "v1", Progress.REFUSED, "Proto constraint"),
        Difference(LISTENER, "ingress", "v2", Progress.ACKNOWLEDGED),
    )

    text = await browser.page("gateways?gateway=gw-1")
    everything = await browser.page("gateways?gateway=gw-1&all=yes")
    elsewhere = await browser.page("gateways?gateway=gw-2")

    assert "on the way" in text
    assert "2/3" in text
    assert "Proto constraint &lt;validation&gt; failed" in text
    assert "<code>ingress</code>" not in text
    assert "<code>ingress</code>" in everything
    assert "not connected to this control plane" in elsewhere


async def test_nodes_come_page_by_page_and_can_be_found(
    world: World, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_pages, "SHOWN", 3)
    await trusted(world)
    for number in range(7):
        address = {"host": f"192.0.2.{number + 1}", "port": 8443}
        await world.call("POST", "/api/v1/federation/nodes", node(f"lb-{number}", endpoints=[address]))

    first = await browser.page("nodes")
    following = re.search(r'href="/ui/(nodes\?[^"]+)">Next', first)
    assert following is not None
    second = await browser.page(following[1].replace("&amp;", "&"))
    found = await browser.page("nodes?find=192.0.2.7:")
    many = await browser.page("nodes?find=LB-")
    elsewhere = await browser.page("nodes?organisation=visby.example")
    nonsense = await browser.page("nodes?organisation=-")

    assert names(first) == ["lb-0", "lb-1", "lb-2"]
    assert names(second) == ["lb-3", "lb-4", "lb-5"]
    assert (names(found), "There may be more" in found) == (["lb-6"], False)
    assert (names(many), "There may be more" in many) == (["lb-0", "lb-1", "lb-2"], True)
    assert "No such node is known." in elsewhere
    assert 'role="alert"' in nonsense


def names(text: str) -> list[str]:
    return re.findall(r'href="/ui/node\?key=[^"]+">([^<]+)<', text)


async def test_a_node_that_only_sources_speak_of_has_its_page_and_its_circuit(
    world: World, browser: Browser
) -> None:
    sighting = replace(SIGHTING, name="the northern one", region="north", version="1.2")
    held = Held(sighting=sighting, since=datetime(2026, 1, 2, tzinfo=UTC))
    await world.objects.write([Write(Kind.SIGHTING, held.key, held)], actor="consul")

    text = await browser.page(f"node?key={held.node_key}")
    circuit = await world.call("GET", f"/api/v1/federation/nodes/{held.node_key}/circuit")

    assert "the northern one" in text
    assert (circuit.status, circuit.document["state"]) == (200, "closed")


async def test_an_order_says_how_many_nodes_it_cuts_also_those_that_no_page_names(
    world: World, browser: Browser
) -> None:
    await trusted(world)
    world.anchors = (certificate()[0],)
    lines = "".join(json.dumps(node(f"n-{number:04}")) + "\n" for number in range(1_100)).encode()
    kind = {"Content-Type": "application/x-ndjson"}
    assert (await world.call("POST", "/api/v1/federation/nodes", lines, headers=kind)).status == 200

    text = await browser.page(f"organisation?name={PARTNER}&verb=revoke")
    found = await browser.page("nodes?find=N-1099")

    assert "all of its nodes (1100)" in text
    assert "and 1092 more" in text
    assert re.search(r"and 100 more: <a href=\"/ui/nodes\?organisation=luebeck.example\"", text)
    assert names(found) == ["n-1099"]


async def test_what_several_partners_offer_is_one_group(world: World, browser: Browser) -> None:
    group = GOOD[Kind.GROUP]
    await world.objects.write([Write(Kind.GROUP, group.key, group)], actor="ada")

    text = await browser.page("resources")

    assert "The same of several partners" in text
    assert f"<code>orders.{OWN}</code>" in text


async def test_a_log_that_was_rewritten_is_told_and_may_be_believed_anew(
    world: World, browser: Browser
) -> None:
    nothing = await browser.page("reconciliation")
    await world.heads.keep_evidence(EVIDENCE)

    text = await browser.page("reconciliation")
    await browser.sign_in(Role.ADMIN)
    place = {":organisation": str(EVIDENCE.organisation), "back": "reconciliation"}
    path = "/api/v1/audit/heads/{organisation}/accept"
    status, _, said = await browser.send("do", {"method": "POST", "path": path, **place})

    assert "Logs that were rewritten" not in nothing
    assert EVIDENCE.detail in text
    assert status == 303, said
    assert "Logs that were rewritten" not in await browser.page("reconciliation")
