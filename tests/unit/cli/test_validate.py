"""A declared file is judged without any control plane, line by line."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from control_plane.cli.main import main
from tests.unit.admin.world import OWN, PARTNER
from tests.unit.cli.test_apply import TOML, YAML


def validate(path: Path, *words: str) -> tuple[int, dict[str, object]]:
    result = CliRunner().invoke(main, ["validate", str(path), "-o", "json", *words])
    document: dict[str, object] = json.loads(result.stdout)
    return result.exit_code, document


@pytest.mark.parametrize(("name", "text"), [("a.yaml", YAML), ("a.toml", TOML)])
def test_what_apply_takes_is_valid(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)

    code, document = validate(tmp_path / name, "--own", OWN)

    assert (code, document["verdict"], document["faults"]) == (0, "valid", [])


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("192.0.2.1:8443", "192.0.2.1:99999", "bad_port"),
        ("nodes:", "nods:", "bad_file"),
        (PARTNER, "LUEBECK", "bad_trust_domain"),
        ("stockfish\n", "stockfish\n    colour: red\n", "unknown_field"),
    ],
)
def test_each_fault_has_its_line_and_code(tmp_path: Path, old: str, new: str, code: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(YAML.replace(old, new, 1))

    status, document = validate(file)

    assert status == 1
    assert document["verdict"] == "invalid"
    faults = document["faults"]
    assert isinstance(faults, list)
    assert code in {fault["code"] for fault in faults}
    text = CliRunner().invoke(main, ["validate", str(file)])
    assert text.exit_code == 1
    assert text.stdout.startswith("invalid: ")
    assert code == "bad_file" or "line " in text.stdout


def test_what_is_ours_is_known_by_our_name(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(YAML)

    foreign, document = validate(file, "--own", PARTNER)

    assert foreign == 1
    faults = document["faults"]
    assert isinstance(faults, list)
    assert {fault["code"] for fault in faults} == {"own_node", "foreign_upstreams", "own_organisation"}


def test_a_file_that_is_not_there_is_bad_usage(tmp_path: Path) -> None:
    assert CliRunner().invoke(main, ["validate", str(tmp_path / "none")]).exit_code == 2
