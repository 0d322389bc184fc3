"""``proxenia gateway run``: settings to the agent's own configuration."""

from pathlib import Path

from control_plane.app.listening import parse_listen
from control_plane.app.settings import Settings, SettingsError
from control_plane.app.up import prepare_state
from control_plane.gateway.agent import AgentConfig, AgentError, run_agent
from control_plane.gateway.durable import KeptFile
from control_plane.xds.keeper import Keeper


async def run(settings: Settings) -> int:
    """Run the agent until it is told to stop."""
    prepare_state(settings)
    settings.gateway_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        config = AgentConfig(
            gateway_id=settings.gateway_id,
            trust_domain=settings.trust_domain,
            directory=settings.gateway_dir,
            control_plane=settings.control_plane_target,
            ingress=parse_listen(settings.ingress_listen),
            egress=parse_listen(settings.egress_listen),
            envoy=Path(settings.envoy) if settings.envoy else None,
            concurrency=settings.envoy_concurrency,
            drain_seconds=settings.drain_seconds,
            renew_seconds=settings.leaf_renew_seconds,
            handed_key=settings.handed_key,
            spool_bytes=settings.spool_megabytes << 20,
            rotate_bytes=min(64 << 20, (settings.spool_megabytes << 20) // 8),
            spool_full=settings.spool_full,
            metrics=parse_listen(listen) if (listen := settings.gateway_metrics_listen) else None,
        )
    except AgentError as error:
        raise SettingsError([str(error)]) from error
    return await run_agent(config, beside=_keep)


async def _keep(config: AgentConfig, target: str) -> None:
    """Keep on disk what Envoy is told, and serve it while there is no control plane."""
    keeper = Keeper(
        gateway=config.gateway_id,
        trust_domain=config.trust_domain,
        target=target,
        socket=config.files.kept_socket,
        store=KeptFile(config.files.kept),
    )
    await keeper.run()
