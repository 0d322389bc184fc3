"""A report of checks for people: groups of ticks; of partners both sides, beside each other."""

import sys
from collections.abc import Iterator
from typing import Any

from control_plane.cli.text import clean, coloured

Document = dict[str, Any]

_COLOURS = {"ok": "green", "warning": "yellow", "problem": "red", "skipped": "bright_black"}
_TICKS = {"ok": "\u2713", "warning": "!", "problem": "\u2717", "skipped": "-"}
_PLAIN = {"ok": "ok", "warning": "!", "problem": "X", "skipped": "-"}
_SIDES = ("from our side", "from theirs")
_MOST = 60  # characters of our side, before theirs begins on a line of its own


def report_text(document: Document, *, short: bool = False) -> str:
    """The verdict, then every group; ``short``: only what is wrong."""
    word = coloured(document["verdict"], _COLOURS[document["verdict"]])
    lines = [f"{word}: {clean(document['organisation'])}: {clean(document['summary'])}"]
    for group in document["groups"]:
        findings = [one for one in group["findings"] if not short or whole(one) in {"warning", "problem"}]
        if findings:
            lines += ["", *_group(group["name"], findings)] if not short else _group("", findings)
    return "\n".join(lines)


def codes(document: Document) -> list[str]:
    """What is wrong, each as ``group/code``, for scripts."""
    found = []
    for group in document["groups"]:
        for one in group["findings"]:
            said = [one, *([one["theirs"]] if one["theirs"] else [])]
            found += [f"{group['name']}/{each['code']}" for each in said if each["code"]]
    return list(dict.fromkeys(found))


def whole(finding: Document) -> str:
    """The worse of both sides."""
    levels = ["ok", "skipped", "warning", "problem"]
    said = [finding, *([finding["theirs"]] if finding["theirs"] else [])]
    known = [one["level"] for one in said if one["level"] != "skipped"] or ["skipped"]
    return str(max(known, key=levels.index))


def _group(name: str, findings: list[Document]) -> list[str]:
    """Subjects in a column; where a partner says something, both sides in columns."""
    subject = max(len(clean(one["subject"])) for one in findings)
    sides = [one for one in findings if one["theirs"]]
    ours = min(_MOST, max((len(_said(one)) for one in sides), default=0))
    head = f"{name}{' ' * (subject + 4 - len(name))}{_SIDES[0].ljust(ours)}  {_SIDES[1]}" if sides else name
    lines = [head] if name else []
    for one in findings:
        lines += _finding(one, subject, ours)
    return lines


def _finding(one: Document, subject: int, ours: int) -> Iterator[str]:
    level = whole(one)
    begin = f"{tick(level)} {clean(one['subject']).ljust(subject)}  "
    text = _said(one)
    if one["theirs"]:
        text = f"{text.ljust(ours)}  {tick(one['theirs']['level'])} {_said(one['theirs'])}"
    yield f"{begin}{text}".rstrip()
    if one["hint"] and level in {"warning", "problem"}:
        yield f"{' ' * (subject + 4)}next: {clean(one['hint'])}"


def _said(said: Document) -> str:
    code = f" ({said['code']})" if said["code"] else ""
    return clean(f"{said['detail']}{code}")


def tick(level: str) -> str:
    """A sign that can be told apart without its colour."""
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    signs = _TICKS if encoding == "utf8" else _PLAIN
    return coloured(signs[level].ljust(1 if encoding == "utf8" else 2), _COLOURS[level])
