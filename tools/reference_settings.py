"""The page of settings, from the fields of ``Settings``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from control_plane.app.settings import FILE_NAME, Settings
from tools.reference_text import code, prose, table

HEAD = f"""# Settings

In this order: arguments (`--trust-domain`), environment (`PROXENIA_TRUST_DOMAIN`), the file `{FILE_NAME}`
in the state directory (or the one that `--config` or `PROXENIA_CONFIG` names). A name here is the key in that
file; as an argument it has `-` for `_`. All mistakes are reported at once, before anything is started.

`proxenia up`, `proxenia serve` and `proxenia gateway run` take all of them; each uses what concerns it.
"""

# A setting belongs to the first group that has the beginning of its name; the last group has the rest.
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Discovery", ("nodes_", "dns_", "mdns_", "consul_", "sources_", "source_", "discovery_")),
    ("Audit", ("audit_", "reconcile_", "spool_")),
    ("Certificates", ("authority", "leaf_", "connection_")),
    ("Partners", ("peering_", "partner_", "approve_", "heartbeat_", "gateway_address")),
    ("Traffic", ("circuit_", "check_", "rate_", "zone", "on_demand", "try_")),
    ("Gateways", ("gateway_", "control_plane", "ingress_", "egress_", "envoy", "drain_")),
    ("The organisation", ("",)),
)
_DEFAULTS = {"state_dir": "`~/.local/state/proxenia`, as root `/var/lib/proxenia`"}


def page() -> str:
    """Every setting once, by group."""
    groups: dict[str, list[tuple[str, str, str, str]]] = {title: [] for title, _ in reversed(GROUPS)}
    for name, field in Settings.model_fields.items():
        groups[_group(name)].append((code(name), _default(name, field), _allowed(field), prose(_text(field))))
    parts = [HEAD]
    for title, rows in groups.items():
        parts.append(f"## {title}\n\n" + table(("setting", "default", "possible", "meaning"), rows) + "\n")
    return "\n".join(parts)


def _text(field: FieldInfo) -> str:
    return field.description or ""


def _group(name: str) -> str:
    return next(title for title, starts in GROUPS if name.startswith(starts))


def _default(name: str, field: FieldInfo) -> str:
    if name in _DEFAULTS:
        return _DEFAULTS[name]
    default: Any = field.default
    if default is PydanticUndefined:
        return "(required)"
    match default:
        case None | "" | {}:
            return ""
        case bool():
            return code(str(default).lower())
        case float():
            return code(f"{default:g}")
        case _:
            return code(str(default))


def _allowed(field: FieldInfo) -> str:
    annotation = field.annotation
    if get_origin(annotation) is Literal:
        return ", ".join(code(each) for each in get_args(annotation))
    if annotation is bool:
        return "`true`, `false`"
    if Path in (annotation, *get_args(annotation)):
        return "a path"
    return " to ".join(_bounds(field))


def _bounds(field: FieldInfo) -> Iterator[str]:
    for name in ("ge", "gt", "le"):
        for each in field.metadata:
            value = getattr(each, name, None)
            if value is not None:
                yield f"more than {value:g}" if name == "gt" else f"{value:.10g}"
