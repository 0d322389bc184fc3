"""The small service behind each organisation's ingress."""

from typing import Self

from aiohttp import web

from control_plane.model.node import Endpoint


class Upstream:
    """Answers every request with what it saw of it; ``failing`` makes it answer 500. Listens on loopback."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.failing = False
        self.requests = 0
        self._runner: web.AppRunner | None = None
        self.endpoint: Endpoint | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.endpoint = Endpoint(host="127.0.0.1", port=self._runner.addresses[0][1])
        return self

    async def __aexit__(self, *_exc: object) -> None:
        if self._runner:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.requests += 1
        seen = {
            "service": self.name,
            "path": request.path,
            "caller": request.headers.get("x-forwarded-client-cert", ""),
            "correlation_id": request.headers.get("x-request-id", ""),
        }
        return web.json_response(seen, status=500 if self.failing else 200)
