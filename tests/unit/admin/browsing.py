"""Cookies and forms of one who signs in to the dashboard with a token."""

import re
from urllib.parse import urlencode

import aiohttp

from control_plane.admin.tokens import Role
from tests.unit.admin.world import PARTNER, World, certificate

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Browser:
    """A browser without scripts."""

    def __init__(self, world: World, session: aiohttp.ClientSession) -> None:
        assert world.serving is not None
        self._world = world
        self._root = f"http://127.0.0.1:{world.serving.port}"
        self._session = session

    async def sign_in(self, role: Role) -> None:
        status, _, _ = await self.post("login", {"token": self._world.tokens[role]})
        assert status == 303

    async def page(self, path: str, status: int = 200) -> str:
        """The text of a page."""
        got, text = await self.answer(path)
        assert got == status, text
        return text

    async def answer(self, path: str) -> tuple[int, str]:
        """Whatever comes of a page."""
        async with self._session.get(f"{self._root}/ui/{path}") as answer:
            return answer.status, await answer.text()

    async def look(self, path: str) -> tuple[int, str]:
        """The status and the text of a page, whatever they are."""
        async with self._session.get(f"{self._root}/ui/{path}") as answer:
            return answer.status, await answer.text()

    async def csrf(self) -> str:
        """What makes a form one of this session."""
        found = re.search(r'name="csrf" value="([^"]+)"', await self.page(""))
        assert found is not None
        return found[1]

    async def post(self, path: str, fields: dict[str, str], **headers: str) -> tuple[int, str, str]:
        """The status, where it leads, and the text."""
        url, data, sent = f"{self._root}/ui/{path}", urlencode(fields), {**FORM, **headers}
        async with self._session.post(url, data=data, headers=sent, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location", ""), await answer.text()

    async def send(self, path: str, fields: dict[str, str]) -> tuple[int, str, str]:
        """The same, with what makes it a form of this session."""
        return await self.post(path, {"csrf": await self.csrf(), **fields})


async def trusted(world: World, state: str = "trusted") -> None:
    """There is an agreement with the partner."""
    anchor, _ = certificate()
    terms = {"organisation": PARTNER, "state": state, "bundle": anchor}
    assert (await world.call("POST", "/api/v1/federation/agreements", terms)).status == 201
