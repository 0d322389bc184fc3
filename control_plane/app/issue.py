"""``proxenia gateway issue``: the first certificate of a gateway on another machine.

A gateway there can only speak to the control plane with a certificate. This makes its first, as the files
that its agent would write itself; carried over in private, they become the ``sds`` directory of its state.
From then on the agent renews them with keys of its own.
"""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from control_plane.app.settings import Settings, SettingsError, parse_listen
from control_plane.gateway.config import AgentConfig, AgentError
from control_plane.gateway.identity import install, make_request
from control_plane.model.identity import ObjectId
from control_plane.model.problem import InvalidValueError
from control_plane.trust.authority import Authority


def issue(settings: Settings, gateway: ObjectId, out: Path) -> Path:
    """Write the identity of ``gateway`` to ``out``/sds (0700); SettingsError when it cannot be made."""
    config = AgentConfig(
        gateway_id=gateway,
        trust_domain=settings.trust_domain,
        directory=out.absolute(),
        control_plane=settings.control_plane_target,
        ingress=parse_listen(settings.ingress_listen),
        egress=parse_listen(settings.egress_listen),
    )
    now = datetime.now(UTC)
    request = make_request(config.spiffe_id)
    try:
        config.files.secrets.mkdir(mode=0o700, parents=True)
        authority = Authority.open(settings.state_dir / "ca", settings.trust_domain, now=now)
        lifetime = timedelta(hours=settings.leaf_hours)
        chain = authority.issue(request.csr, config.spiffe_id, lifetime=lifetime, now=now)
        answer = {"certificate": chain, "anchors": list(authority.anchors())}
        install(config, request, answer, now=time.time())
    except FileExistsError as error:
        raise SettingsError([f"{config.files.secrets} exists: choose another --out"]) from error
    except (OSError, InvalidValueError, AgentError) as error:
        raise SettingsError([f"the identity of {gateway} cannot be made: {error}"]) from error
    return config.files.secrets
