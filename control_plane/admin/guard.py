"""Who may ask what, decided before a byte of the body is read. One middleware, and deny is its default."""

import pwd
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from control_plane.admin.answers import REQUEST_ID
from control_plane.admin.attempts import Attempts
from control_plane.admin.dependencies import Dependencies
from control_plane.admin.ledger import note_refused
from control_plane.admin.operation import group_of
from control_plane.admin.problems import ApiError
from control_plane.admin.tls import client_of
from control_plane.admin.tokens import Holder, Role, TokenFile, TokenFileError
from control_plane.model.identity import SpiffeId, shown

_log = structlog.get_logger()

CALLER: web.RequestKey[Holder] = web.RequestKey("caller", Holder)
_PEER = struct.Struct("3i")  # Linux's struct ucred: pid, uid, gid
_LOCAL_NAMES = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class Access:
    """The role that each operation needs, by method and path pattern; None means that anybody may."""

    roles: Mapping[tuple[str, str], Role | None]

    def needed(self, request: web.Request) -> Role | None:
        """The role for ``request``; what is not listed needs a token even to learn that it does not exist."""
        return self.roles.get((request.method, _pattern(request)), Role.VIEWER)


def _pattern(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else ""


@dataclass(frozen=True, slots=True)
class Keeper:
    """Who knows tokens, counts failures, and audits when they become many."""

    tokens: TokenFile
    attempts: Attempts
    limited: Callable[[str, str], Awaitable[None]]  # of which request, from where
    clients: Mapping[SpiffeId, Role] = field(default_factory=dict)  # by their certificates

    async def failed(self, request: web.Request, error: ApiError) -> ApiError:
        """What a failed attempt is answered with: ``error``, or that there were too many."""
        source = source_of(request)
        wait, begins = self.attempts.failed(source)
        if not wait:
            return error
        if begins:
            await self.limited(request[REQUEST_ID], source)
        headers = {"Retry-After": str(wait)}
        return ApiError("too_many_attempts", f"expected a pause of {wait} s after failures", headers=headers)


def keeper_of(deps: Dependencies) -> Keeper:
    """The keeper that audits where all else is audited."""

    async def limited(request_id: str, source: str) -> None:
        await note_refused(deps, request_id, "authentication.limited", via=f"tcp {source}")

    return Keeper(deps.tokens, deps.attempts, limited, deps.clients)


def source_of(request: web.Request) -> str:
    """The address that a request comes from; IPv6 by its network, since a host has all of one."""
    peer = request.get_extra_info("peername")
    if not isinstance(peer, tuple):
        return "unix"
    address = ip_address(peer[0].partition("%")[0])
    if address.version == 4:  # noqa: PLR2004 - of the protocol
        return str(address)
    return str(ip_network((int(address) >> 64 << 64, 64)))


def guard(access: Access, keeper: Keeper) -> Middleware:
    """Refuse foreign hosts and origins, then whoever has no token or too low a role."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        _check_origin(request)
        local = _unix_socket(request)
        if local is None and not request.secure:  # over TLS the certificate says who we are
            _check_host(request)
        needed = access.needed(request)
        if is_page(request.path):
            pass  # pages know their reader by a session, and show nothing else to others than the way in
        elif local is not None:
            request[CALLER] = Holder(_user_of(local), Role.ADMIN)
        elif needed is not None:
            request[CALLER] = await _authenticate(request, keeper, needed)
        if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
            raise ApiError("bad_content_encoding", "expected a body that is not compressed")
        return await handler(request)

    return check


def is_page(path: str) -> bool:
    """Whether ``path`` is the dashboard's, or the API's documentation."""
    return path in {"/", "/ui", "/api/docs"} or path.startswith("/ui/")


def _check_origin(request: web.Request) -> None:
    """A browser sends the origin with every call of a page's: only the dashboard calls, and only itself."""
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None:
        return
    if not is_page(request.path):
        raise ApiError("cross_origin", f"expected no Origin, got {shown(origin)}")
    if origin != f"{request.scheme}://{request.headers.get(hdrs.HOST, '')}":
        raise ApiError("cross_origin", f"expected a page of this dashboard, got {shown(origin)}")


def _unix_socket(request: web.Request) -> socket.socket | None:
    """The connection, when it came by the unix socket: whoever can open that file is the operator."""
    connection: socket.socket | None = request.get_extra_info("socket")
    return connection if connection is not None and connection.family == socket.AF_UNIX else None


def _user_of(connection: socket.socket) -> str:
    """The user at the other end, by the kernel's word."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    uid = _PEER.unpack(raw)[1]
    try:
        return f"user:{pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user:{uid}"


def _check_host(request: web.Request) -> None:
    """A page may point its own name at our address (DNS rebinding): answer only to names of the loopback."""
    given = request.headers.get(hdrs.HOST, "")
    name, _, port = given.rpartition(":") if not given.endswith("]") else (given, "", "")
    if not name or not port.isdecimal():
        name = given
    own = request.get_extra_info("sockname")
    names = _LOCAL_NAMES | ({own[0]} if own else set())
    if name.removeprefix("[").removesuffix("]").lower() not in names:
        raise ApiError("wrong_host", f"expected a name of this machine's loopback, got {shown(given)}")


async def _authenticate(request: web.Request, keeper: Keeper, needed: Role) -> Holder:
    known = _by_certificate(request, keeper)
    if known is not None:
        check_permitted(known, needed, _pattern(request))
        return known
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    challenge = {"WWW-Authenticate": 'Bearer realm="proxenia"'}
    if scheme.lower() != "bearer" or not token:
        raise ApiError("not_authenticated", "expected a bearer token, got none", headers=challenge)
    try:
        holder = keeper.tokens.find(token)
    except TokenFileError as error:
        _log.error("the token file cannot be used, nobody is let in", reason=str(error))
        raise ApiError("not_authenticated", "no token can be checked now", headers=challenge) from error
    if holder is None:
        unknown = ApiError("not_authenticated", "the token is not known here", headers=challenge)
        raise await keeper.failed(request, unknown)
    check_permitted(holder, needed, _pattern(request))
    return Holder(f"token:{holder.name}", holder.role, holder.groups)


def _by_certificate(request: web.Request, keeper: Keeper) -> Holder | None:
    """Who the client is by its certificate; a token that it also sends goes before that."""
    client = None if hdrs.AUTHORIZATION in request.headers else client_of(request)
    role = keeper.clients.get(client) if client else None
    return Holder(f"certificate:{client}", role) if role else None


def check_permitted(holder: Holder, needed: Role, path: str) -> None:
    """Raise ApiError unless ``holder`` may do what ``path`` does."""
    if not holder.role.covers(needed):
        raise ApiError("not_permitted", f"expected the role {needed}, got {holder.role}")
    if holder.groups and group_of(path) not in holder.groups:
        raise ApiError("not_permitted", f"expected a token for {shown(group_of(path))}, got one for others")
