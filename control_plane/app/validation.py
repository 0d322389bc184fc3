"""Trying what is new in kind with an Envoy of this machine, before gateways get it."""

from pathlib import Path

import structlog

from control_plane.app.settings import Settings, SettingsError
from control_plane.gateway.config import AgentError
from control_plane.gateway.validate import EnvoyValidation
from control_plane.model.tuning import Tuning
from control_plane.reconcile.trial import Trial

_log = structlog.get_logger()


def trial_of(settings: Settings, tuning: Tuning) -> Trial | None:
    """None, and a line in the log, where there is no Envoy or the setting says no."""
    if not settings.try_configuration:
        _log.warning("configuration is not tried before it is published", reason="try_configuration is off")
        return None
    try:
        validation = EnvoyValidation.of(Path(settings.envoy) if settings.envoy else None)
    except AgentError as error:
        raise SettingsError([f"envoy: {error}"]) from error
    if validation is None:
        _log.warning("configuration is not tried before it is published", reason="there is no Envoy here")
        return None
    return Trial(validation, tuning, settings.trust_domain)
