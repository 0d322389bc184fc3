"""How requests of the admin API become spans, by OpenTelemetry's own library. Only ``traces.py`` imports it.

Spans are sent by a thread; a collector that is away costs a request nothing, and its spans are dropped.
"""

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from control_plane import __version__
from control_plane.app.settings import Settings

_WITHIN = 2.0  # seconds for one attempt to reach the collector
_QUEUE = 2048  # spans that wait; more are dropped
_SERVER_FAULT = 500


def provider_of(settings: Settings) -> TracerProvider:
    """What makes and sends spans. Who began a trace decides; of others, ``traces_percent`` are sampled."""
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


def tracing(provider: TracerProvider) -> Middleware:
    """The outermost middleware: a span around each request, named by its route and never by its path."""
    tracer = provider.get_tracer("proxenia.admin", __version__)
    propagator = TraceContextTextMapPropagator()

    @web.middleware
    async def traced(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        route = resource.canonical if resource else "nowhere"
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
