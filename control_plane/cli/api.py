"""The admin API as commands speak it: the standard library's HTTP client, over a unix socket or loopback."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from urllib.parse import quote, urlencode

from control_plane.cli.connect import connection_to
from control_plane.cli.event_lines import read_events
from control_plane.cli.faults import Exit, Fault

API = "/api/v1"
JSON_LINES = "application/x-ndjson"
_NOT_AUTHORISED = {401, 403}
_PAGE = 500
WITHIN = 10.0  # seconds
_BULK_WITHIN = 120.0
_TRIAL_WITHIN = 100.0
_COMPARED_WITHIN = 620.0
_NEWS_WITHIN = 40.0

Document = dict[str, Any]


class Api:
    """The API at ``address``, a socket's path or ``http://127.0.0.1:<port>``; each call may raise Fault."""

    def __init__(self, address: str, token: str = "") -> None:
        self._address = address
        self._token = token

    def get(
        self, path: str, query: Mapping[str, object] | None = None, *, within: float = WITHIN
    ) -> Document:
        """Read one document; parameters that are None are left out."""
        given = {name: value for name, value in (query or {}).items() if value is not None}
        return self._call("GET", f"{path}?{urlencode(given)}" if given else path, within=within)

    def send(
        self,
        method: str,
        path: str,
        document: Mapping[str, object] | None = None,
        *,
        within: float = WITHIN,
    ) -> Document:
        """Change something."""
        body = None if document is None else json.dumps(document).encode()
        return self._call(method, path, body, "application/json", within=within)

    def try_out(self, path: str) -> Document:
        """Let the control plane try something, which takes a while."""
        return self._call("POST", path, b"{}", "application/json", within=_TRIAL_WITHIN)

    def compare(self, path: str, document: Mapping[str, object]) -> Document:
        """Let the control plane compare its audit with a partner's, which may take minutes."""
        body = json.dumps(document).encode()
        return self._call("POST", path, body, "application/json", within=_COMPARED_WITHIN)

    def wait(self, path: str, query: Mapping[str, object]) -> Document:
        """Ask a question that is answered when there is news."""
        return self._call("GET", f"{path}?{urlencode(query)}", within=_NEWS_WITHIN)

    def lines(self, path: str, document: Mapping[str, object]) -> Iterator[bytes]:
        """The lines of a long answer, as they come; Fault when it breaks off."""
        headers = {"Accept": JSON_LINES, "Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        connection = self._connection(_COMPARED_WITHIN)
        try:
            connection.request("POST", path, json.dumps(document).encode(), headers)
            response = connection.getresponse()
            if response.status >= 400:  # noqa: PLR2004 - RFC 9110: errors begin here
                _document(response, response.read())
            yield from response
        except (OSError, HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()

    def events(self, path: str, query: Mapping[str, object]) -> Iterator[Document]:
        """Server-sent events as they come (id, event, data); Fault when the stream ends or breaks off."""
        given = {name: value for name, value in query.items() if value is not None}
        connection = self._connection(_NEWS_WITHIN)
        headers = {"Accept": "text/event-stream"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            connection.request("GET", f"{path}?{urlencode(given)}" if given else path, headers=headers)
            response = connection.getresponse()
            if response.status >= 400:  # noqa: PLR2004 - RFC 9110: errors begin here
                _document(response, response.read())
            yield from read_events(response)
        except (OSError, HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()
        raise Fault("the stream has ended", exit_code=Exit.UNREACHABLE)

    def send_lines(self, path: str, lines: bytes) -> Document:
        """Load many objects."""
        return self._call("POST", path, lines, JSON_LINES, within=_BULK_WITHIN)

    def pages(self, path: str, query: Mapping[str, object], *, limit: int) -> Document:
        """The first ``limit`` items of a list, page by page; ``next`` is null unless there are more.

        What the first page says beside its items is kept.
        """
        first: Document = {}
        items: list[Document] = []
        after = query.get("after")
        while True:
            wanted = {**query, "limit": min(_PAGE, limit - len(items)), "after": after}
            page = self.get(path, wanted)
            first = first or page
            items.extend(page["items"])
            after = page["next"]
            if after is None or len(items) >= limit:
                return {**first, "items": items, "next": after}

    def _call(
        self, method: str, path: str, body: bytes | None = None, media: str = "", *, within: float = WITHIN
    ) -> Document:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = media
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        connection = self._connection(within)
        try:
            response, content = _exchange(connection, method, path, body, headers)
        except (OSError, HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()
        return _document(response, content)

    def _connection(self, timeout: float) -> HTTPConnection:
        return connection_to(self._address, timeout)

    def _unreachable(self, error: Exception) -> Fault:
        if isinstance(error, PermissionError):
            hint = (
                "run this as the user that runs Proxenia, or use --admin http://127.0.0.1:<port> with a token"
            )
            return Fault(f"{self._address} is not yours to open", hint, exit_code=Exit.NOT_AUTHORISED)
        if isinstance(error, TimeoutError):
            hint = "look at its log, and whether its database answers"
            return Fault(f"no answer from {self._address} in time", hint, exit_code=Exit.UNREACHABLE)
        hint = "start one with `proxenia up`, or say where it is with --state-dir or --admin"
        return Fault(f"no control plane answers at {self._address}", hint, exit_code=Exit.UNREACHABLE)


def _exchange(
    connection: HTTPConnection, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
) -> tuple[HTTPResponse, bytes]:
    # A server that refuses a large body does not read all of it, and has said why.
    with suppress(BrokenPipeError):
        connection.request(method, path, body, dict(headers))
    response = connection.getresponse()
    return response, response.read()


def _document(response: HTTPResponse, content: bytes) -> Document:
    try:
        document: Document = json.loads(content) if content else {}
    except ValueError as error:
        hint = "is that address Proxenia's?"
        raise Fault("the answer is not JSON", hint, exit_code=Exit.UNREACHABLE) from error
    if response.status < 400:  # noqa: PLR2004 - RFC 9110: errors begin here
        return document
    raise _fault(response.status, document)


def _fault(status: int, problem: Document) -> Fault:
    code = Exit.NOT_AUTHORISED if status in _NOT_AUTHORISED else Exit.PROBLEM
    detail = str(problem.get("detail", "the request was refused"))
    more = [
        f"line {error['line']}: {error['detail']}" for error in problem.get("errors", []) if "line" in error
    ]
    if len(more) > 1:
        detail = f"{len(more)} lines are wrong: " + "; ".join(more)
    name, hint = str(problem.get("code", status)), str(problem.get("hint", ""))
    return Fault(f"{detail} ({name})", hint, exit_code=code, code=name)


def path_of(*parts: str) -> str:
    """A path of the API; each part is one segment, whatever is in it."""
    return "/".join([API, *(quote(part, safe="@") for part in parts)])
