"""No key, token or password enters a report, wherever it stands; what helps is in it."""

import json
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from control_plane.admin.tokens import TOKEN_FILE, Role, new_token
from control_plane.cli.main import main
from control_plane.cli.redact import GONE, redacted
from tests.unit.admin.world import certificate
from tests.unit.cli.conftest import Terminal

PASSED = "corr3ct-horse"
OWNER = "another/0ne"
CONSUL = "0a1b2c3d-aaaa-bbbb-cccc-0123456789ab"
PLUGIN = "plugin-secret-value"
INVITATION = "proxenia-1.eyJhIjoxfQ_abc-DEF123.abcdefghijk"
OURS = "tok-en-0815-x"
LINK = "Zm9vYmFyYmF6cXV1eA12"


def contents(path: Path) -> dict[str, str]:
    """Every file of a report, without the directory."""
    with tarfile.open(path) as archive:
        files = {member.name.partition("/")[2]: archive.extractfile(member) for member in archive}
        return {name: file.read().decode() for name, file in files.items() if file}


def leaky(directory: Path) -> list[str]:
    """A state directory whose logs tell everything; the secrets that must not leave it."""
    _, key = certificate()
    token = new_token(directory / TOKEN_FILE, name="a", role=Role.ADMIN)
    (directory / "ca").mkdir()
    (directory / "ca" / "root.key").write_text(key)
    sds = directory / "gateway" / "gw-1" / "sds"
    sds.mkdir(parents=True)
    (sds / "identity.key").write_text(key)
    (directory / "consul.token").write_text(CONSUL + "\n")
    (directory / "consul.token").chmod(0o600)
    (directory / "up.log").write_text(
        "\n".join(
            [
                "started well",
                f"connecting to postgresql://proxenia:{PASSED}@db/x",
                f"PGPASSWORD={PASSED}",
                f'{{"event": "x", "authorization": "Bearer {token}", "password": "{PASSED}"}}',
                f"X-Consul-Token: {CONSUL}",
                f"invitation {INVITATION}",
                f"GET /ui/link/{LINK}",
                key,
                key.replace("\n", "\\n"),
            ]
        )
    )
    (directory / "proxenia.toml").write_text(
        f'trust_domain = "bergen.example"\ndatabase_url = "postgresql://proxenia:{PASSED}@db/x"\n'
        f'database_owner_url = "postgresql://owner:{OWNER}@db/x"\n'
        f'consul_token_file = "{directory / "consul.token"}"\nconsul_address = "https://127.0.0.1:1"\n'
        f'sources_allowed = "mine"\n'
        f'[source_options.mine]\nkey = "{PLUGIN}"\n'
    )
    hashed = [str(one["sha256"]) for one in _tokens(directory)]
    body = [line for line in key.splitlines() if not line.startswith("-----")]
    return [PASSED, OWNER, CONSUL, PLUGIN, INVITATION, token, LINK, *hashed, *body]


def _tokens(directory: Path) -> list[dict[str, object]]:
    document = json.loads((directory / TOKEN_FILE).read_text())
    found: list[dict[str, object]] = document["tokens"] if isinstance(document, dict) else document
    return found


def test_no_secret_enters_a_report(terminal: Terminal, tmp_path: Path) -> None:
    directory = tmp_path / "state"
    directory.mkdir(mode=0o700)
    secrets = leaky(directory)
    target = tmp_path / "report.tar.gz"

    result = terminal.run("bugreport", str(target), PROXENIA_STATE_DIR=str(directory), PROXENIA_TOKEN=OURS)

    assert result.exit_code == 0, result.output
    found = contents(target)
    whole = "\n".join(found.values())
    assert [secret for secret in [*secrets, OURS] if secret in whole] == []
    assert "started well" in found["logs/up.log"]
    assert GONE in found["logs/up.log"]
    assert "faults" not in json.loads(found["settings.json"]), found["settings.json"]
    assert json.loads(found["settings.json"])["settings"]["trust_domain"] == "bergen.example"
    assert json.loads(found["settings.json"])["settings"]["source_options"] == {"mine": ["key"]}
    assert json.loads(found["status.json"])["verdict"] == "problem"
    assert json.loads(found["check.json"])["groups"]
    assert "click" in json.loads(found["versions.json"])["packages"]
    assert target.stat().st_mode & 0o077 == 0


def test_without_a_control_plane_the_rest_is_there(tmp_path: Path) -> None:
    target = tmp_path / "report.tar.gz"
    words = ["--state-dir", str(tmp_path / "none"), "bugreport", str(target), "--without-logs", "-o", "json"]

    result = CliRunner().invoke(main, words)

    assert result.exit_code == 0
    assert "check.json is left out" in result.stderr
    assert json.loads(result.stdout)["name"] == str(target)
    assert "no control plane answers" in contents(target)["check.json"]


def test_a_file_that_exists_is_not_overwritten(terminal: Terminal, tmp_path: Path) -> None:
    target = tmp_path / "mine"
    target.write_text("precious")

    result = terminal.run("bugreport", str(target))

    assert result.exit_code == 1
    assert target.read_text() == "precious"


@pytest.mark.parametrize(
    "text",
    [
        "nothing of it",
        "GET /federation/nodes 200 proxenia",
        '{"token_file": "/etc/x", "at": "12:00"}',
        "https://[2001:db8::1]:8443/bundle",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted(text) == text


@given(
    st.text(max_size=30),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=60),
    st.text(max_size=30),
)
def test_a_known_secret_is_nowhere(before: str, secret: str, after: str) -> None:
    if secret in GONE:
        return
    text = redacted(f"{before}{secret}{after}{secret}", [secret])

    assert secret not in text.replace(GONE, " ")
