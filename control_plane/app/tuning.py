"""What of the settings goes into Envoy's configuration."""

from control_plane.app.listening import parse_listen
from control_plane.app.settings import Settings
from control_plane.model.tuning import Tuning


def tuning_of(settings: Settings) -> Tuning:
    """The settings that end up in Envoy's configuration."""
    return Tuning(
        circuit_failures=settings.circuit_failures,
        circuit_open=settings.circuit_open_seconds,
        circuit_open_max=max(settings.circuit_open_seconds * 10, 300.0),
        max_connection_duration=settings.connection_seconds,
        zone=settings.zone,
        on_demand=settings.on_demand,
        check_interval=settings.check_seconds,
        burst=settings.rate_limit_burst,
        limits_enforced=settings.rate_limits == "enforced",
        traces=parse_listen(settings.traces_endpoint) if settings.traces_endpoint else None,
        traces_percent=settings.traces_percent,
        query_strings=settings.audit_query == "hash",
    )
