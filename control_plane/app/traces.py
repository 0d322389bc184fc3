"""Spans of the admin API's requests, for a collector of OpenTelemetry, where ``admin_traces_url`` names one.

Spans of traffic are Envoy's (``translate/tracing.py``). The extra ``otel`` is imported only when it is used.
Spans are sent by a thread; a collector that is away costs a request nothing, and its spans are dropped.
"""

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from control_plane import __version__
from control_plane.app.settings import Settings, SettingsError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_WITHIN = 2.0  # seconds for one attempt to reach the collector
_QUEUE = 2048  # spans that wait; more are dropped
_SERVER_FAULT = 500


def trace(app: web.Application, settings: Settings) -> None:
    """Make a span of each sampled request of ``app``; nothing happens without a collector.

    Whoever began a trace (``traceparent``) decides for it; of other requests ``traces_percent`` are sampled.
    """
    if not settings.admin_traces_url:
        return
    provider = _provider(settings)
    app.middlewares.insert(0, _tracing(provider))

    async def end(_app: web.Application) -> None:
        await asyncio.to_thread(provider.shutdown)  # sends what waits

    app.on_cleanup.append(end)


def _provider(settings: Settings) -> "TracerProvider":
    try:
        from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased  # noqa: PLC0415
    except ImportError as error:
        message = "admin_traces_url: expected OpenTelemetry to be installed: pip install 'proxenia[otel]'"
        raise SettingsError([message]) from error
    named = {
        "service.name": f"spiffe://{settings.trust_domain}/control-plane",
        "service.version": __version__,
    }
    provider = TracerProvider(
        resource=Resource.create(named),
        sampler=ParentBased(TraceIdRatioBased(settings.traces_percent / 100)),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(settings.admin_traces_url, timeout=_WITHIN)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=_QUEUE))
    return provider


def _tracing(provider: "TracerProvider") -> Middleware:
    from opentelemetry.trace import SpanKind, StatusCode  # noqa: PLC0415 - as above
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    tracer, propagator = provider.get_tracer("proxenia.admin", __version__), TraceContextTextMapPropagator()

    @web.middleware
    async def traced(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        route = resource.canonical if resource else "nowhere"  # never the path: ids and queries stay out
        begun = propagator.extract({name.lower(): value for name, value in request.headers.items()})
        with tracer.start_as_current_span(f"{request.method} {route}", begun, SpanKind.SERVER) as span:
            answer = await handler(request)
            span.set_attribute("http.request.method", request.method)
            span.set_attribute("http.route", route)
            span.set_attribute("http.response.status_code", answer.status)
            span.set_attribute("proxenia.request_id", answer.headers.get("X-Request-ID", ""))
            if answer.status >= _SERVER_FAULT:
                span.set_status(StatusCode.ERROR)
            return answer

    return traced
