"""Run one agent from a JSON argument: a process that a test can kill."""

import asyncio
import json
import sys
from pathlib import Path

from control_plane.gateway.agent import AgentConfig, run_agent
from control_plane.model.identity import ObjectId, TrustDomain
from control_plane.model.node import Endpoint
from control_plane.observe.log import configure


def main() -> int:
    values = json.loads(sys.argv[1])
    configure(sys.stderr)
    config = AgentConfig(
        gateway_id=ObjectId("gw-1"),
        trust_domain=TrustDomain("luebeck.example"),
        directory=Path(values.pop("directory")),
        ingress=Endpoint("127.0.0.1", 1),
        egress=Endpoint("127.0.0.1", values.pop("egress")),
        **{"concurrency": 1, "drain_seconds": 2.0, **values},
    )
    return asyncio.run(run_agent(config))


if __name__ == "__main__":
    sys.exit(main())
