"""``proxenia gateway issue``: the first certificate of a gateway on another machine.

A gateway there can only speak to the control plane with a certificate. This makes its first, as the files
that its agent would write itself; carried over in private, they become the ``sds`` directory of its state.
From then on the agent renews them with keys of its own.
"""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from control_plane.app.listening import parse_listen
from control_plane.app.own_trust import open_authority
from control_plane.app.settings import Settings, SettingsError
from control_plane.gateway.config import AgentConfig, AgentError
from control_plane.gateway.identity import install, request_for
from control_plane.model.identity import ObjectId
from control_plane.model.problem import InvalidValueError
from control_plane.ports.errors import UnavailableError


def issue(settings: Settings, gateway: ObjectId, out: Path) -> Path:
    """Write the identity of ``gateway`` to ``out``/sds (0700); SettingsError when it cannot be made."""
    config = AgentConfig(
        gateway_id=gateway,
        trust_domain=settings.trust_domain,
        directory=out.absolute(),
        control_plane=settings.control_plane_target,
        ingress=parse_listen(settings.ingress_listen),
        egress=parse_listen(settings.egress_listen),
        handed_key=settings.certificates_dir / gateway / "key.pem" if settings.handed_key else None,
    )
    now = datetime.now(UTC)
    if config.files.own.exists():
        raise SettingsError([f"{config.files.own} exists: choose another --out"])
    try:
        config.files.secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
        request = request_for(config)
        authority = open_authority(settings, now=now)
        lifetime = timedelta(hours=settings.leaf_hours)
        chain = authority.issue(request.csr, config.spiffe_id, lifetime=lifetime, now=now)
        answer = {"certificate": chain, "anchors": list(authority.anchors())}
        install(config, request, answer, now=time.time())
    except (OSError, InvalidValueError, UnavailableError, AgentError) as error:
        raise SettingsError([f"the identity of {gateway} cannot be made: {error}"]) from error
    return config.files.secrets
