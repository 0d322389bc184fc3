"""The house form that no linter checks: sizes, docstrings, and a reason beside every exception to a rule."""

import ast
import re

MAX_LINES = 300
MAX_FUNCTION = 60

MARK = re.compile(r"#\s*(?:noqa|type:\s*ignore|ruff:\s*noqa|mypy:)[^#]*")
EXCUSED = re.compile(r"#\s*(?:ruff: )?noqa: [A-Z]+\d+(?:,\s?[A-Z]+\d+)* - \S.+")
IGNORED = re.compile(r"#\s*type: ignore\[[a-z-]+(?:,\s?[a-z-]+)*\]\s+# (?!noqa)\S.+")


def without_reason(line: str) -> bool:
    """Whether ``line`` switches a check off without naming it and saying why."""
    if not MARK.search(line):
        return False
    noqa = "noqa" not in line or EXCUSED.search(line)
    ignore = not re.search(r"type:\s*ignore", line) or IGNORED.search(line)
    return bool(not noqa or not ignore or re.search(r"#\s*mypy:", line))


def test_every_module_says_what_it_is_for(modules: dict[str, str]) -> None:
    silent = [name for name, text in modules.items() if not ast.get_docstring(ast.parse(text))]

    assert modules
    assert not silent


def test_no_module_is_longer_than_three_hundred_lines(modules: dict[str, str]) -> None:
    long = {name: size for name, text in modules.items() if (size := len(text.splitlines())) > MAX_LINES}

    assert not long


def test_no_function_is_longer_than_sixty_lines(modules: dict[str, str]) -> None:
    long = {
        f"{name}:{node.lineno} {node.name}": size
        for name, text in modules.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (size := (node.end_lineno or node.lineno) - node.lineno + 1) > MAX_FUNCTION
    }

    assert not long


def test_names_say_what_something_is_for(modules: dict[str, str]) -> None:
    vague = re.compile(r"(?:^|[/_])(?:utils?|helpers?|managers?|common|misc)(?:[/_.]|$)")

    assert not [name for name in modules if vague.search(name)]


def test_every_check_that_is_switched_off_has_a_reason(shipped: dict[str, str]) -> None:
    ours = ("control_plane/", "tests/", "bench/", "tools/")
    bare = [
        f"{name}:{number}: {line.strip()}"
        for name, text in shipped.items()
        if name.startswith(ours) and name.endswith(".py") and name != "tests/shape/test_modules.py"
        for number, line in enumerate(text.splitlines(), 1)
        if without_reason(line)
    ]

    assert not bare


def test_a_bare_exception_to_a_rule_is_found() -> None:
    bare = [
        "x = 1  # noqa",
        "x = 1  # noqa: E501",
        "x = f()  # type: ignore",
        "x = f()  # type: ignore[arg-type]",
        "x = f()  # type: ignore[arg-type]  # noqa: S105 - a type's name",
        "# ruff: noqa",
        "# mypy: ignore-errors",
    ]
    reasoned = [
        "x = 1  # noqa: S105 - a type's name",
        "# ruff: noqa: ASYNC240, S105 - nothing else waits here",
        "x = f()  # type: ignore[call-arg,arg-type]  # read by the sources",
        "x = 1  # a comment",
    ]

    assert [line for line in bare if not without_reason(line)] == []
    assert [line for line in reasoned if without_reason(line)] == []
