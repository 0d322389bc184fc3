"""Reading forms, and answering with pages: what every handler of the dashboard shares."""

from collections.abc import Mapping

from aiohttp import web

from control_plane.admin.problems import ApiError

ROOT = "/ui/"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
MAX_FORM = 128 << 10  # an invitation's token, escaped, is the longest that is sent


async def read_form(request: web.Request) -> dict[str, str]:
    """The fields of a form, each once."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise ApiError("bad_content_type", "expected a form")
    if (request.content_length or 0) > MAX_FORM:
        raise ApiError("body_too_large", f"expected at most {MAX_FORM} bytes")
    fields = await request.post()
    if len(set(fields)) != len(fields):
        raise ApiError("bad_request", "expected each field of a form once")
    return {name: value for name, value in fields.items() if isinstance(value, str)}


def see_other(place: str) -> web.Response:
    """After a form, another page: a reload repeats nothing."""
    return web.Response(status=303, headers={"Location": place})


def html(text: str, *, status: int = 200, more: Mapping[str, str] | None = None) -> web.Response:
    """A page, which nobody keeps: it may show a token, and is of now. ``more`` are other headers."""
    # Not "no-referrer": with it browsers send no origin with forms either, and those would be refused.
    headers = {
        "Content-Security-Policy": POLICY,
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
        **(more or {}),
    }
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8", headers=headers)
