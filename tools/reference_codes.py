"""The pages of codes: what the API answers, and what else has a stable code.

The second kind stands where it is found out, as arguments of a ``Problem`` or an ``InvalidValueError``: it is
read from the source, so that no list can be forgotten.
"""

import ast
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from control_plane.admin.check_codes import CHECK_CODES
from control_plane.admin.codes import PEERS, REQUEST, RULES, VALUES, Code
from control_plane.pki.refusal import Refusal
from control_plane.plan.explain.words import WORDS
from tools.reference_text import code, prose, table

PACKAGE = Path(__file__).parent.parent / "control_plane"

ANSWERS = """# Codes of the API

Errors are problem documents (RFC 9457): `code` is one of these, `detail` says what was expected and what was
got, `hint` is the next step, and `errors` names every fault of a body. The command line prints
`detail (code); hint`. Codes may be added, and are never renamed. What `status`, `check`, `explain` and the
audit name: [problems](problems.md).
"""

PROBLEMS = """# Codes of problems

What `proxenia status`, `explain`, `discover`, `check` and the audit name by a code. `…` stands for what
differs from case to case. What the API answers: [codes](codes.md). By symptom:
[troubleshooting](../troubleshooting.md).
"""

_GROUPS: tuple[tuple[str, dict[str, Code]], ...] = (
    ("Requests", REQUEST),
    ("What a body must hold", RULES),
    ("Values", VALUES),
    ("Invitations, joins and partners' control planes", PEERS),
)


class Raised(NamedTuple):
    """One place that finds something out."""

    package: str
    code: str
    detail: str
    hint: str


def answers() -> str:
    """Every code of a problem document, with an anchor to link to."""
    parts = [ANSWERS]
    for title, codes in _GROUPS:
        rows = [
            (
                _anchor(name),
                f"{each.status} {HTTPStatus(each.status).phrase}",
                prose(each.title),
                prose(each.hint),
            )
            for name, each in sorted(codes.items())
        ]
        parts.append(f"## {title}\n\n" + table(("code", "status", "what it means", "next step"), rows) + "\n")
    return "\n".join(parts)


def problems() -> str:
    """Every other code, once under each heading that it belongs to."""
    raised = list(_raised())
    reasons = [(_anchor(name), prose(detail), prose(hint)) for name, (detail, hint) in sorted(WORDS.items())]
    held = [each for each in raised if each.hint and each.package not in {"discovery", "model"}]
    records = [each for each in raised if each.package == "discovery"]
    refusals = [(code(each.value), prose(text)) for each, text in _commented()]
    headers = ("code", "what it means", "next step")
    checks = [(code(name), prose(each.title), prose(each.hint)) for name, each in sorted(CHECK_CODES.items())]
    return "\n".join(
        (
            PROBLEMS,
            "## Reasons of requests\n\n" + table(headers, reasons) + "\n",
            "## Findings of checks\n\n" + table(headers, checks) + "\n",
            "## Objects, partners and gateways\n\n" + table(headers, _rows(held)) + "\n",
            "## Records that discovery refuses, and sources that cannot see\n\n"
            + table(("code", "what is told"), ((name, told) for name, told, _ in _rows(records)))
            + "\n",
            "## Certificates that are not believed\n\n" + table(("code", "why"), refusals) + "\n",
        )
    )


def _anchor(name: str) -> str:
    return f'<a id="{name}"></a>{code(name)}'


def _rows(raised: Iterable[Raised]) -> list[tuple[str, str, str]]:
    """One row a code; where several places find it out, the first one's words and all hints."""
    found: dict[str, tuple[str, str]] = {}
    for each in sorted(raised, key=lambda one: (one.detail == "…", one)):
        found.setdefault(each.code, (each.detail, each.hint))
    return [(code(name), prose(detail), prose(hint)) for name, (detail, hint) in sorted(found.items())]


def _raised() -> Iterator[Raised]:
    """Every ``Problem(subject, code, …)`` and ``InvalidValueError(code, …)`` of the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        package = path.relative_to(PACKAGE).parts[0]
        if package == "admin":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                texts = _texts(node)
                if texts and texts[0].replace("_", "").isalnum():
                    yield Raised(package, *texts)


def _texts(call: ast.Call) -> tuple[str, str, str] | None:
    named = {word.arg: word.value for word in call.keywords}
    if isinstance(call.func, ast.Name) and call.func.id == "Problem":
        names: tuple[str, ...] = ("subject", "code", "detail", "hint")
    elif isinstance(call.func, ast.Name) and call.func.id == "InvalidValueError":
        names = ("code", "detail")
    else:
        return None
    given: dict[str | None, ast.expr] = dict(zip(names, call.args, strict=False))
    given.update(named)
    if not isinstance(given.get("code"), ast.Constant):
        return None
    code_, detail, hint = (_text(given.get(name)) for name in ("code", "detail", "hint"))
    return code_, detail, hint


def _text(node: ast.expr | None) -> str:
    """A text of the source; what is put in at run time is ``…``."""
    match node:
        case None:
            return ""
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(part) for part in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _text(left) + _text(right)
        case _:
            return "…"


def _commented() -> Iterator[tuple[Refusal, str]]:
    """Each refusal with the comment beside it, which says why."""
    lines = (PACKAGE / "pki" / "refusal.py").read_text(encoding="utf-8").splitlines()
    for each in Refusal:
        line = next(line for line in lines if line.strip().startswith(f"{each.name} ="))
        yield each, line.partition("#")[2].strip()
