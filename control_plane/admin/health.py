"""What says that Proxenia is alive and ready, and who it is."""

from dataclasses import dataclass

from control_plane.admin.operation import API, Call, Nothing, Operation, Reply, route
from control_plane.model.change import Kind
from control_plane.ports.errors import UnavailableError

DATABASE = "the database"


@dataclass(frozen=True, slots=True)
class Alive:
    """The process answers."""

    alive: bool


@dataclass(frozen=True, slots=True)
class Readiness:
    """``waiting`` says what is not there yet; empty means ready."""

    ready: bool
    waiting: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """Who this is; ``anchors`` are the CA certificates that partners import."""

    organisation: str
    version: str
    revision: int
    anchors: tuple[str, ...]


@route(Operation("GET", "/healthz", Nothing, Alive, "Whether the process answers", role=None))
async def healthz(_: Call, __: Nothing) -> Reply:
    """It does."""
    return Reply(Alive(alive=True))


@route(Operation("GET", "/readyz", Nothing, Readiness, "Whether Proxenia can do its work", role=None))
async def readyz(call: Call, _: Nothing) -> Reply:
    """503 with what is waited for, until there is nothing more to wait for."""
    waiting = call.deps.waiting()
    try:
        await call.deps.objects.page(Kind.GATEWAY, limit=1)
    except UnavailableError:
        waiting = (*waiting, DATABASE)
    return Reply(Readiness(not waiting, waiting), status=503 if waiting else 200)


@route(Operation("GET", f"{API}/federation/info", Nothing, Info, "Who this organisation is"))
async def info(call: Call, _: Nothing) -> Reply:
    """Its name, version, published revision and trust anchors."""
    deps = call.deps
    return Reply(
        Info(
            organisation=deps.own,
            version=deps.version,
            revision=deps.overview.revision,
            anchors=deps.anchors(),
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WellKnown:
    """Where to go on from here; ``peering`` says whether partners' control planes reach this one."""

    software: str
    version: str
    organisation: str
    api: str
    openapi: str
    documentation: str
    events: str
    peering: bool


@route(Operation("GET", "/.well-known/proxenia", Nothing, WellKnown, "What this is, and where its parts are"))
async def well_known(call: Call, _: Nothing) -> Reply:
    """Paths are relative to this server."""
    return Reply(
        WellKnown(
            software="proxenia",
            version=call.deps.version,
            organisation=call.deps.own,
            api=API,
            openapi="/openapi.json",
            documentation="/api/docs",
            events=f"{API}/events",
            peering=call.deps.peering is not None,
        )
    )


ROUTES = (healthz, readyz, info, well_known)
