"""The page of metrics: what the control plane's meters say, and which of Envoy's statistics are kept."""

import asyncio

from control_plane.admin.metrics import METERS
from control_plane.admin.operation import Call
from control_plane.gateway.statistics import GROUPS
from control_plane.observe.metrics import Family
from tests.unit.admin.world import running
from tools.reference_text import code, prose, table

HEAD = """# Metrics

`GET /metrics` of the control plane, and of each gateway with `gateway_metrics_listen`. `GET
/api/v1/metrics/targets` lists the gateways as Prometheus discovers them. What to do when an alert fires:
[alerts](../alerts.md).

## The control plane

Never more than 2,000 series. Beside these there are `process_*` and `python_gc_*`, as of any Python program.

{control_plane}

## A gateway

Envoy's own statistics, in its form for Prometheus (`/stats/prometheus`): a name begins with `envoy_`, dots
become `_`, and the names of clusters and listeners become labels. Only these are kept:

{gateway}
"""


def page() -> str:
    """Every family once, and every kind of statistics."""
    families = sorted(asyncio.run(_families()), key=lambda family: family.name)
    rows = [
        (code(each.name), ", ".join(code(label) for label in each.labels), prose(each.help))
        for each in families
    ]
    shown = {"prefix": "{}*", "suffix": "*{}", "contains": "*{}*"}
    kept = [
        (prose(group.about), ", ".join(code(shown[group.where].format(text)) for text in group.texts))
        for group in GROUPS
    ]
    return HEAD.format(
        control_plane=table(("metric", "labels", "what it says"), rows),
        gateway=table(("what they are about", "statistics"), kept),
    )


async def _families() -> list[Family]:
    """What all meters say over fakes: of an empty world, since only names and texts matter."""
    async with running() as world:
        call = Call(world.dependencies(), actor="", request_id="", path={})
        found = [family for meter in METERS for family in await meter(call)]
    failed = Family.of("proxenia_meters_failed", "Groups of metrics that could not be read.", 0)
    return [*found, failed]
