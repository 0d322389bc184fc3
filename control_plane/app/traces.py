"""Spans of the admin API's requests, for a collector of OpenTelemetry, where ``admin_traces_url`` names one.

Spans of traffic are Envoy's (``translate/tracing.py``). What makes these (``spans.py``) needs the extra
``otel``, and is imported only then.
"""

import asyncio

from aiohttp import web

from control_plane.app.settings import Settings, SettingsError


def trace(app: web.Application, settings: Settings) -> None:
    """Make a span of each sampled request of ``app``; nothing happens without a collector.

    Raises SettingsError when the extra is missing.
    """
    if not settings.admin_traces_url:
        return
    try:
        from control_plane.app.spans import provider_of, tracing  # noqa: PLC0415 - the extra may be missing
    except ImportError as error:
        message = "admin_traces_url: expected OpenTelemetry to be installed: pip install 'proxenia[otel]'"
        raise SettingsError([message]) from error
    provider = provider_of(settings)
    app.middlewares.insert(0, tracing(provider))

    async def end(_app: web.Application) -> None:
        await asyncio.to_thread(provider.shutdown)  # sends what waits

    app.on_cleanup.append(end)
