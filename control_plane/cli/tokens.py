"""``proxenia token``: who may use the API over TCP.

Works on the file in the state directory, where nothing needs to run; with ``--admin`` over the API.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

from control_plane.cli.api import path_of
from control_plane.cli.faults import Fault
from control_plane.cli.options import Place, output_option, pass_place, show, show_list
from control_plane.cli.output import Column, Table

if TYPE_CHECKING:
    from control_plane.admin.token_entries import Entry

Document = dict[str, Any]
_T = TypeVar("_T")
_days = click.option(
    "--days", type=click.IntRange(1, 3650), help="It ends after so many days.  [default: never]"
)

_TABLE = Table(
    (
        Column("NAME", "name"),
        Column("ROLE", "role"),
        Column("FOR", lambda item: ", ".join(item["groups"]) or "everything"),
        Column("ENDS", lambda item: "expired" if item["expired"] else _moment(item["expires_at"])),
        Column("LAST USED", lambda item: _moment(item["last_used"])),
        Column("MADE", lambda item: _moment(item["created_at"]), wide=True),
        Column("ROTATED", lambda item: _moment(item["rotated_at"]), wide=True),
    ),
    name="name",
)


def _moment(text: str | None) -> str:
    return text[:16].replace("T", " ") if text else "never"


@click.group()
def token() -> None:
    """Tokens for the admin API."""


@token.command("new")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(["viewer", "operator", "admin"]),
    default="viewer",
    show_default=True,
    help="Look, change, or everything.",
)
@click.option("--group", "groups", multiple=True, help="Only for this group of operations; repeat for more.")
@_days
@output_option
@pass_place
def new(place: Place, /, name: str, output: str, **terms: Any) -> None:  # noqa: ANN401 - as the options say
    """Make a token for NAME and print it: it is shown this once, and stored only as a hash."""
    ends, role = _ends(terms["days"]), terms["role"]
    if place.admin:
        body = {"name": name, "role": role, "groups": terms["groups"], "expires_at": _said(ends)}
        made = place.api().send("POST", path_of("tokens"), body)
    else:
        made = {"name": name, "role": role, "token": _new_in_file(place, name, terms, ends)}
    show(made, output, lambda: str(made["token"]))


def _new_in_file(place: Place, name: str, terms: Document, ends: datetime | None) -> str:
    from control_plane.admin.tokens import GROUPS, Role, new_token  # noqa: PLC0415 - used here only

    role, groups = Role(terms["role"]), terms["groups"]
    unknown = [group for group in groups if group not in GROUPS]
    if unknown:
        raise click.BadParameter(f"expected groups among {', '.join(GROUPS)}, got {unknown[0]}")
    path = _path(place)
    return _on_file(place, lambda: new_token(path, name=name, role=role, expires_at=ends, groups=groups))


@token.command("list")
@output_option
@pass_place
def list_(place: Place, output: str) -> None:
    """Every token by name, with when it was last used; what makes it a token is not stored."""
    if place.admin:
        document = place.api().pages(path_of("tokens"), {}, limit=1000)
    else:
        document = {"items": _listed(place), "next": None}
    show_list(document, output, _TABLE)


def _listed(place: Place) -> list[Document]:
    from control_plane.admin.token_entries import read  # noqa: PLC0415 - used here only
    from control_plane.admin.tokens import last_used  # noqa: PLC0415 - used here only

    path = _path(place)
    used = last_used(path)
    entries = sorted(_on_file(place, lambda: read(path)), key=lambda entry: entry.name)
    return [_item(entry, used.get(entry.name)) for entry in entries]


def _item(entry: "Entry", used: datetime | None) -> Document:
    ended = bool(entry.expires_at) and datetime.fromisoformat(entry.expires_at) <= datetime.now(UTC)
    return {
        "name": entry.name,
        "role": str(entry.role),
        "groups": list(entry.groups),
        "created_at": entry.created_at,
        "rotated_at": entry.rotated_at or None,
        "expires_at": entry.expires_at or None,
        "overlap_until": entry.previous_until or None,
        "last_used": used.isoformat() if used else None,
        "expired": ended,
    }


@token.command("rotate")
@click.argument("name")
@click.option(
    "--overlap",
    type=click.IntRange(0, 7 * 86400),
    default=0,
    show_default=True,
    help="Seconds for which the old token still counts.",
)
@_days
@output_option
@pass_place
def rotate(place: Place, name: str, overlap: int, days: int | None, output: str) -> None:
    """Replace the token of NAME by a new one, and print that."""
    ends = _ends(days)
    if place.admin:
        body = {"overlap_seconds": overlap, "expires_at": _said(ends)}
        made = place.api().send("POST", path_of("tokens", name, "rotate"), body)
    else:
        from control_plane.admin.tokens import rotate_token  # noqa: PLC0415 - used here only

        path, over = _path(place), timedelta(seconds=overlap)
        work = _on_file(place, lambda: rotate_token(path, name, overlap=over, expires_at=ends))
        made = {"name": name, "token": work}
    show(made, output, lambda: str(made["token"]))


@token.command("revoke")
@click.argument("name")
@output_option
@pass_place
def revoke(place: Place, name: str, output: str) -> None:
    """Make the token of NAME useless, at once; whoever signed in with it is signed out."""
    if place.admin:
        place.api().send("DELETE", path_of("tokens", name))
    else:
        from control_plane.admin.tokens import revoke_token  # noqa: PLC0415 - used here only

        path = _path(place)
        _on_file(place, lambda: revoke_token(path, name))
    show({"removed": name}, output, lambda: f"revoked {name}")


def _ends(days: int | None) -> datetime | None:
    return datetime.now(UTC) + timedelta(days=days) if days else None


def _said(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _path(place: Place) -> Any:  # noqa: ANN401 - a path
    from control_plane.admin.tokens import TOKEN_FILE  # noqa: PLC0415 - used here only

    return place.state_dir / TOKEN_FILE


def _on_file(place: Place, work: Callable[[], _T]) -> _T:
    from control_plane.admin.tokens import TokenFileError  # noqa: PLC0415 - used here only

    try:
        return work()
    except TokenFileError as error:
        raise Fault(str(error)) from error
    except OSError as error:
        hint = "run this as the user that runs Proxenia, or name its --state-dir"
        raise Fault(f"cannot use {_path(place)}: {error.strerror}", hint) from error
