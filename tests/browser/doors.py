"""The doors by which text of others comes in: the API, discovery, a partner; each is used with hostile texts.

What is taken is noted by its mark, with where it came in; so is what is refused.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import aiohttp

from bench.partner import Authority
from control_plane.app.demo.organisation import Organisation, eventually
from control_plane.model.xds import CLUSTER
from control_plane.peering.paths import AUDIT_HEADS, HEARTBEATS
from control_plane.peering.refusal import RefusedError
from tests.browser.system import RESOURCE, ZONE, Side, System
from tests.browser.texts import ATTACK, BIDI, CONTROLS, KINDS, Case, cases, hostile
from tests.browser.visitor import Visitor, authority_of, crossing, visitor
from tests.integration.discovery.bind9 import SERVICE, txt_of
from tests.integration.xds.gateway_client import gateway

JSON_LINES = "application/x-ndjson"
HANSE = "hanse.example"
# What an agreement must be in before it can be changed so.
BEFORE = {"approve": "pending"}
# These ask, and keep nothing.
ASKING = {"export", "query", "authorize", "explain", "verify"}
# Of a request through our egress listener: what goes to the service, and is kept by nobody.
PASSED_ON = {"body", "headers.{}", "headers.{key}"}


@dataclass
class Told:
    """By mark: where a text came in. ``kept`` are those that were taken and ought to be stored."""

    kept: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


@dataclass
class Desk:
    """The API of an organisation over its unix socket, as it is."""

    http: aiohttp.ClientSession

    async def call(self, method: str, path: str, body: bytes, media: str) -> tuple[int, str, str]:
        """Status, content type and text."""
        headers = {"content-type": media}
        async with self.http.request(method, f"http://localhost{path}", data=body, headers=headers) as got:
            return got.status, got.content_type, await got.text()

    async def read(self, path: str) -> str:
        """A document as text."""
        async with self.http.get(f"http://localhost{path}") as answer:
            assert answer.status == 200, (path, await answer.text())
            return await answer.text()


@asynccontextmanager
async def desk(organisation: Organisation) -> AsyncIterator[Desk]:
    """Open until the block ends."""
    socket = aiohttp.UnixConnector(str(organisation.state_dir / "run" / "admin.sock"))
    async with aiohttp.ClientSession(connector=socket, timeout=aiohttp.ClientTimeout(total=30)) as session:
        yield Desk(session)


async def by_api(side: Side, at: Desk, told: Told) -> None:
    """Every text of the body of every operation."""
    own = side.organisation
    ledger = {
        "name": "ledger",
        "organisation": own.trust_domain,
        "upstreams": [{"host": "127.0.0.1", "port": 9}],
    }
    trusted = {"organisation": HANSE, "state": "trusted", "bundle": Authority.of(HANSE).anchor}
    await own.post("/federation/agreements", trusted)
    await own.post("/federation/resources", ledger)
    known: set[str] = set()
    for case in cases(json.loads(await at.read("/openapi.json"))):
        await _tried(at, case, await _place(own, case, known), told)


async def _tried(at: Desk, case: Case, place: str, told: Told) -> None:
    body = json.dumps(case.body).encode()
    status, media, text = await at.call(case.method, place, body, case.media)
    said = f"{case.method} {case.path} {case.place} {case.text!a}"
    if status >= 500:
        told.wrong.append(f"{said} answered {status} {text}")
    elif status >= 400:
        told.refused[case.mark] = said
        if media != "application/problem+json":
            told.wrong.append(f"{said} answered {status} as {media}")
    elif case.path.rpartition("/")[2] not in ASKING and case.place not in PASSED_ON:
        told.kept[case.mark] = said


async def _place(own: Organisation, case: Case, known: set[str]) -> str:
    """The path of something that can be changed so; each attack has its own, which stays as it leaves it."""
    if "{" not in case.path:
        return case.path
    verb = case.path.rpartition("/")[2]
    name = f"o{sha256(case.mark.encode()).hexdigest()[:8]}" if ATTACK[:10] in case.text else "other"
    organisation = f"{name}.example"
    if name not in known:
        known.add(name)
        agreement = {"organisation": organisation, "bundle": Authority.of(organisation).anchor}
        await own.post("/federation/agreements", agreement | {"state": BEFORE.get(verb, "trusted")})
        node = {"node_id": "spare", "organisation": organisation}
        identity = {"spiffe_id": f"spiffe://{organisation}/gateway/spare"}
        await own.post(
            "/federation/nodes", node | identity | {"endpoints": [{"host": "127.0.0.8", "port": 1}]}
        )
        grant = {"id": f"spare-{name}", "resource": "ledger", "subject": organisation}
        await own.post("/federation/grants", grant | {"conditions": {"approval": "ticket"}})
        if verb == "resume":
            await own.post(f"/federation/agreements/{organisation}/pause", {})
    key = f"spare-{name}" if "/grants/" in case.path else f"spare@{organisation}"
    return case.path.format(organisation=organisation, key=key, serial="00ff", name="viewer")


def master(text: str) -> str:
    """A text between the quotes of a zone file, or a label of a name there."""
    return "".join(
        chr(octet) if chr(octet).isalnum() or chr(octet) in "=/:-_" else f"\\{octet:03d}"
        for octet in text.encode()
    )


async def by_discovery(system: System, told: Told) -> None:
    """Records of a real name server, and a file; first what may be taken, then what must not."""
    own = system.novgorod.organisation
    for number, kind in enumerate(KINDS):
        fields = {
            name: hostile(kind)
            for name in ("version", "region", "zone", "node", "spiffe", "org", "resources")
        }
        for name, (text, mark) in fields.items():
            label = f"d{number}-{name}"
            good = [one for one in txt_of(label, HANSE) if not one.startswith(f"{name}=")]
            await _published(system, label, [*good, f"{name}={text}"])
            # Metadata that cannot be printed is left out; of all else it is said why it is refused.
            kept = told.refused if name == "zone" and kind is not ATTACK else told.kept
            kept[mark] = f"DNS {name} {text!a}"
        if kind is not BIDI:  # that the update's own library would not write
            label, mark = hostile(kind)
            await _published(system, label[:60], txt_of(f"d{number}-label", HANSE))
            told.kept[mark] = f"DNS label {label!a}"
    await own.post("/federation/discover", {})

    name, mark = hostile()
    system.nodes_file.write_text(json.dumps({"nodes": [_listed("filed", name)]}), encoding="utf-8")
    told.kept[mark] = "file name"
    await eventually("the file to be read", lambda: _shows(own, "/federation/nodes", mark, limit="1000"))


def _listed(node: str, name: str) -> dict[str, Any]:
    identity = {"organisation": HANSE, "spiffe_id": f"spiffe://{HANSE}/gateway/{node}"}
    return {"node_id": node, **identity, "endpoints": [{"host": "127.0.0.6", "port": 1}], "name": name}


async def _published(system: System, label: str, txt: Any) -> None:  # noqa: ANN401 - texts
    assert system.bind9 is not None
    instance = f"{master(label)}.{SERVICE}"
    texts = " ".join(f'"{master(one)}"' for one in txt)
    await system.bind9.change(
        ZONE,
        add=[
            f"{SERVICE} 60 PTR {instance}.{ZONE}.",
            f"{instance} 60 SRV 0 1 8443 host-spare",
            f"{instance} 60 TXT {texts}",
            "host-spare 60 A 127.0.0.5",
        ],
    )


async def _shows(own: Organisation, path: str, mark: str, *, limit: str = "") -> bool:
    return mark in json.dumps(await (own.get(path, limit=limit) if limit else own.get(path)))


@asynccontextmanager
async def by_partner(system: System, told: Told) -> AsyncIterator[Visitor]:
    """A control plane that joined, is trusted, and says such things of us and of its audit."""
    own = system.novgorod.organisation
    subject, mark = hostile()
    told.kept[mark] = "subject of a partner's root"
    async with visitor(authority_of("visby.example", subject[:64])) as made:
        invited = await own.post("/federation/invites", {"organisation": made.name})
        await made.join(invited["token"])
        await own.post(f"/federation/agreements/{made.name}/approve", {})
        await _heard(made, told)
        await _answered(system, made, told)
        yield made


async def _heard(made: Visitor, told: Told) -> None:
    """Heartbeats: what cannot be printed is refused as a whole."""
    good: dict[str, str] = {}

    def text(kind: str, what: str) -> str:
        said, mark = hostile(kind)
        (good if kind is ATTACK else told.refused)[mark] = f"heartbeat {what} {said!a}"
        return said

    for kind in (CONTROLS, BIDI):
        for view in (
            {"phase": text(kind, "phase")},
            {"remarks": [{"code": text(kind, "code"), "detail": "x"}]},
            {"remarks": [{"code": "x", "detail": text(kind, "detail")}]},
            {"state": text(kind, "state")},
        ):
            try:
                await made.beat(view)
            except RefusedError:
                continue
            told.wrong.append(f"a heartbeat was taken: {view!a}")
    remarks = [{"code": text(ATTACK, "code"), "detail": text(ATTACK, "detail")}]
    await made.beat({"phase": text(ATTACK, "phase"), "remarks": remarks})
    told.kept |= good


async def _answered(system: System, made: Visitor, told: Told) -> None:
    """Its audit has requests that nobody made; then it refuses, in words of its own."""
    own = system.novgorod.organisation
    for kind in (ATTACK, BIDI):
        identifier, one = hostile(kind)
        value, other = hostile(kind)
        made.crossings.append(crossing(identifier, value))
        told.kept |= {one: f"reconciliation id {identifier!a}", other: f"reconciliation value {value!a}"}
    report = await own.post("/audit/reconciliations", {"organisation": made.name})
    if report["only_theirs"] != len(made.crossings):
        told.wrong.append(f"expected its crossings to be named, got {report}")
    refusal = json.dumps({"code": hostile()[0], "title": hostile()[0], "detail": hostile()[0]}).encode()
    for path in (HEARTBEATS, AUDIT_HEADS):
        made.answers[path] = 400, refusal
    await eventually("our heartbeat to be refused", lambda: _refused(own, made.name))


async def _refused(own: Organisation, partner: str) -> bool:
    listed = (await own.get("/federation/partners"))["items"]
    return any(one["organisation"] == partner and "partner_refused" in one["send_error"] for one in listed)


async def by_gateway(system: System, told: Told) -> None:
    """Gateways that refuse what they are sent, in words of their own."""
    own = system.novgorod.organisation
    for number, kind in enumerate(KINDS):
        text, mark = hostile(kind)
        told.kept[mark] = f"refusal of a gateway {text!a}"
        async with gateway(own.state_dir / "run" / "xds.sock", f"refusing-{number}") as stream:
            await stream.ask(CLUSTER, f"to/{RESOURCE}.{system.luebeck.name}")
            assert (await stream.hear(refusing=text)).resources
            await eventually("the refusal to be noted", lambda: _shows(own, "/status", mark))  # noqa: B023 - at once


async def by_traffic(system: System, told: Told) -> None:
    """A partner's application asks for paths of its choice; the row of it is known by its path."""
    own, other = system.novgorod.organisation, system.luebeck.organisation
    grant = {"id": "luebeck-uses-ledger", "resource": "ledger", "subject": other.trust_domain}
    await own.post("/federation/grants", grant)
    await other.post("/federation/resources", {"name": "ledger", "organisation": own.trust_domain})
    text, mark = hostile("/<img/src=x/onerror=window.hacked=1><script>window.hacked=1</script>")
    told.kept[mark] = f"path of a request {text}"

    async def seen() -> bool:
        await _asked(other.sites[0].egress, f"/{text}", f"ledger.{own.trust_domain}")
        return await _shows(own, "/audit/events", mark, limit="1000")

    await eventually("such a request in the audit", seen, within=30)


async def _asked(port: int, path: str, host: str) -> None:
    """As no library would ask."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [f"GET {path} HTTP/1.1", f"host: {host}", f"x-request-id: {path}", "connection: close", "", ""]
    writer.write("\r\n".join(lines).encode())
    async with asyncio.timeout(10):
        await reader.read()
    writer.close()


async def requests(own: Organisation, told: Told) -> list[str]:
    """The correlation ids of rows with one of the texts."""
    rows = (await own.get("/audit/events", limit="1000"))["items"]
    return [one["correlation_id"] for one in rows if any(mark in json.dumps(one) for mark in told.kept)]
