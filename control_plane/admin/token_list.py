"""Tokens over the API: listed, made, rotated and revoked by whoever may do everything."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import ClassVar, TypeVar

from control_plane.admin.audited import Audited, digests
from control_plane.admin.ledger import note
from control_plane.admin.listing import Page, PageQuery, part
from control_plane.admin.moments import Moment
from control_plane.admin.operation import API, Call, Keyed, Nothing, Operation, Reply, route
from control_plane.admin.problems import ApiError
from control_plane.admin.token_entries import moment_of
from control_plane.admin.tokens import (
    GROUPS,
    MAX_OVERLAP,
    MAX_TOKEN,
    Entry,
    NoSuchTokenError,
    Role,
    TokenExistsError,
    TokenFile,
    TokenFileError,
    new_token,
    revoke_token,
    rotate_token,
)
from control_plane.model.identity import shown
from control_plane.model.problem import InvalidValueError

TOKENS = f"{API}/tokens"
TOKEN = TOKENS + "/{name}"

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenView:
    """A token without what makes it one. ``expires_at`` null: never; ``groups`` empty: all operations."""

    name: str
    role: Role
    groups: tuple[str, ...]
    created_at: datetime
    rotated_at: datetime | None
    expires_at: datetime | None
    overlap_until: datetime | None
    last_used: datetime | None
    expired: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """Whom it is for, what it may do, and until when."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    name: str
    role: Role = Role.VIEWER
    groups: tuple[str, ...] = ()
    expires_at: Moment | None = None

    def __post_init__(self) -> None:
        if not self.name or len(self.name) > MAX_TOKEN or not self.name.isprintable() or "/" in self.name:
            raise InvalidValueError(
                "bad_text", f"expected a printable name of at most {MAX_TOKEN} characters without a slash"
            )
        unknown = [group for group in self.groups if group not in GROUPS]
        if unknown:
            raise InvalidValueError(
                "bad_token_terms", f"expected groups among {', '.join(GROUPS)}, got {shown(unknown[0])}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """For how long the old token still counts, and until when the new one does (null: as the old one)."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    overlap_seconds: int = 0
    expires_at: Moment | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.overlap_seconds <= MAX_OVERLAP.total_seconds():
            raise InvalidValueError(
                "bad_token_terms", f"expected an overlap of at most {MAX_OVERLAP.days} days in seconds"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeToken:
    """``token`` is shown this once, and stored only as a hash."""

    name: str
    role: Role
    token: str

    def __repr__(self) -> str:
        return f"MadeToken(name={self.name!r}, role={self.role!r}, token=(redacted))"


@route(Operation("GET", TOKENS, PageQuery, Page[TokenView], "Tokens of this API, by name", role=Role.ADMIN))
async def list_tokens(call: Call, query: PageQuery) -> Reply:
    """One page; when each was last used is known to the minute."""
    _check_whole(call)
    page, following = part(await _entries(call), query, lambda entry: entry.name)
    return Reply(Page(tuple(_view(call, entry) for entry in page), following))


@route(
    Operation(
        "POST",
        TOKENS,
        NewToken,
        MadeToken,
        "Make a token",
        role=Role.ADMIN,
        status=201,
        keyed=Keyed.SECRET,
    )
)
async def make_token(call: Call, wanted: NewToken) -> Reply:
    """It is shown this once."""
    _check_expiry(call, wanted.expires_at)
    make = partial(
        new_token,
        call.deps.tokens.path,
        name=wanted.name,
        role=wanted.role,
        expires_at=wanted.expires_at,
        groups=wanted.groups,
    )
    made = await _change(call, "token.create", wanted.name, make)
    return Reply(
        MadeToken(name=wanted.name, role=wanted.role, token=made), location=f"{TOKENS}/{wanted.name}"
    )


@route(
    Operation(
        "POST",
        TOKEN + "/rotate",
        Rotation,
        MadeToken,
        "Replace a token by a new one",
        role=Role.ADMIN,
        keyed=Keyed.SECRET,
    )
)
async def renew_token(call: Call, wanted: Rotation) -> Reply:
    """With the same name and role."""
    name = call.path["name"]
    _check_expiry(call, wanted.expires_at)
    entry = next((each for each in await _entries(call) if each.name == name), None)
    if entry is None:
        raise ApiError("not_found", f"there is no token {shown(name)}")
    overlap = timedelta(seconds=wanted.overlap_seconds)
    renew = partial(rotate_token, call.deps.tokens.path, name, overlap=overlap, expires_at=wanted.expires_at)
    made = await _change(call, "token.rotate", name, renew)
    return Reply(MadeToken(name=name, role=entry.role, token=made))


@route(Operation("DELETE", TOKEN, Nothing, None, "Revoke a token", role=Role.ADMIN, status=204))
async def remove_token(call: Call, _: Nothing) -> Reply:
    """It is unknown from now on, and whoever signed in with it is signed out."""
    name = call.path["name"]
    if all(entry.name != name for entry in await _entries(call)):
        raise ApiError("not_found", f"there is no token {shown(name)}")
    await _change(call, "token.revoke", name, partial(revoke_token, call.deps.tokens.path, name))
    return Reply()


def _check_whole(call: Call) -> None:
    """A token for some operations must not make itself one for all."""
    if call.groups:
        raise ApiError("not_permitted", "expected a token for all groups: it could make itself any other")


def _check_expiry(call: Call, moment: datetime | None) -> None:
    if moment is not None and moment <= call.deps.now():
        raise ApiError("bad_token_terms", f"expected an end in the future, got {moment.isoformat()}")


async def _entries(call: Call) -> tuple[Entry, ...]:
    return await _on_file(call.deps.tokens.entries)


async def _change(call: Call, action: str, name: str, change: Callable[[], _T]) -> _T:
    _check_whole(call)
    tokens, audited = call.deps.tokens, call.deps.audited
    async with audited.turn:
        await note(call, action, name)
        made = await _on_file(change)
        with suppress(ApiError):  # it is done: at worst the audit hears of it twice
            await _on_file(partial(_note_audited, tokens, audited, name))
        return made


def _note_audited(tokens: TokenFile, audited: Audited, name: str) -> None:
    """That the audit knows what became of this one; what else is in the file may be news."""
    known, present = audited.read(tokens.path), digests(tokens.entries())
    changed = {name: present[name]} if name in present else {}
    audited.write(tokens.path, {one: digest for one, digest in known.items() if one != name} | changed)


async def _on_file(work: Callable[[], _T]) -> _T:
    try:
        return await asyncio.to_thread(work)
    except TokenExistsError as error:
        raise ApiError("already_exists", str(error)) from error
    except NoSuchTokenError as error:
        raise ApiError("not_found", str(error)) from error
    except (TokenFileError, OSError) as error:
        raise ApiError("tokens_unusable", "the file of tokens cannot be read or written") from error


def _view(call: Call, entry: Entry) -> TokenView:
    expires = moment_of(entry.expires_at)
    return TokenView(
        name=entry.name,
        role=entry.role,
        groups=entry.groups,
        created_at=datetime.fromisoformat(entry.created_at),
        rotated_at=moment_of(entry.rotated_at),
        expires_at=expires,
        overlap_until=moment_of(entry.previous_until),
        last_used=call.deps.tokens.used.get(entry.name),
        expired=expires is not None and expires <= call.deps.now(),
    )


ROUTES = (list_tokens, make_token, renew_token, remove_token)
