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
from control_plane.discovery.hints import ELSEWHERE, hint_for
from control_plane.pki.refusal import NEXT_STEPS, Refusal
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
differs from case to case. What the API answers, and `check` names too where it means the same:
[codes](codes.md). By symptom: [troubleshooting](../troubleshooting.md).
"""

_GROUPS: tuple[tuple[str, dict[str, Code]], ...] = (
    ("Requests", REQUEST),
    ("What a body must hold", RULES),
    ("Values", VALUES),
    ("Invitations, joins and partners' control planes", PEERS),
)


Named = dict[str, list[tuple[int, str]]]  # by name: the line, and the text


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
    held = [each for each in raised if each.hint and each.package not in {"discovery", "model"}]
    records = [_advised(each) for each in raised if each.package == "discovery"]
    headings = {
        "Reasons of requests": [(name, *words) for name, words in sorted(WORDS.items())],
        "Findings of checks": [(name, one.title, one.hint) for name, one in sorted(CHECK_CODES.items())],
        "Objects, partners and gateways": _rows(held),
        "Records that discovery refuses, and sources that cannot see": _rows(records),
        "Certificates that are not believed": [
            (each.value, text, NEXT_STEPS[each]) for each, text in _commented()
        ],
    }
    anchored: set[str] = set()
    parts = [PROBLEMS]
    for title, rows in headings.items():
        shown = [
            (code(name) if name in anchored else _anchor(name), prose(detail), prose(hint))
            for name, detail, hint in rows
        ]
        anchored.update(name for name, _, _ in rows)
        parts.append(f"## {title}\n\n" + table(("code", "what it means", "next step"), shown) + "\n")
    return "\n".join(parts)


def _advised(each: Raised) -> Raised:
    """With the next step that discovery gives, or that stands beside the code."""
    return each._replace(hint=ELSEWHERE.get(each.code) or hint_for(each.code))


def _anchor(name: str) -> str:
    return f'<a id="{name}"></a>{code(name)}'


def _rows(raised: Iterable[Raised]) -> list[tuple[str, str, str]]:
    """One row a code; where several places find it out, the first one's words."""
    found: dict[str, tuple[str, str]] = {}
    for each in sorted(raised, key=lambda one: ("…" in (one.detail, one.hint), one)):
        found.setdefault(each.code, (each.detail, each.hint))
    return [(name, *words) for name, words in sorted(found.items())]


def _raised() -> Iterator[Raised]:
    """Every ``Problem(subject, code, …)`` and ``InvalidValueError(code, …)`` of the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        package = path.relative_to(PACKAGE).parts[0]
        if package == "admin":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        named = _named(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                texts = _texts(node, named)
                if texts and texts[0].replace("_", "").isalnum():
                    yield Raised(package, *texts)


def _named(tree: ast.Module) -> Named:
    """The texts that a module has names for, each with the lines where it gets them."""
    found: Named = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            text = _text(node.value)
            if text != "…":
                found.setdefault(node.targets[0].id, []).append((node.lineno, text))
    return found


def _texts(call: ast.Call, known: Named) -> tuple[str, str, str] | None:
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
    code_, detail, hint = (_text(given.get(name), known) for name in ("code", "detail", "hint"))
    return code_, detail, hint


def _text(node: ast.expr | None, known: Named | None = None) -> str:
    """A text of the source; what is put in at run time is ``…``. A name is what it was given last."""
    match node:
        case None:
            return ""
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(part) for part in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _text(left) + _text(right)
        case ast.Name(id=name, lineno=line):
            before = [(at, text) for at, text in (known or {}).get(name, ()) if at <= line]
            return max(before)[1] if before else "…"
        case _:
            return "…"


def _commented() -> Iterator[tuple[Refusal, str]]:
    """Each refusal with the comment beside it, which says why."""
    lines = (PACKAGE / "pki" / "refusal.py").read_text(encoding="utf-8").splitlines()
    for each in Refusal:
        line = next(line for line in lines if line.strip().startswith(f"{each.name} ="))
        yield each, line.partition("#")[2].strip()
