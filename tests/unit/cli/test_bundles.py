"""``proxenia bundle``: anchors, and the revocation lists of partners."""

from pathlib import Path

from tests.unit.admin.world import PARTNER
from tests.unit.cli.conftest import Terminal
from tests.unit.pki.federation import LUEBECK, organisation
from tests.unit.pki.minting import chain_pem, crl_pem

ROOT = organisation(LUEBECK).root


def agree(terminal: Terminal) -> None:
    terminal.good("agreement", "add", PARTNER, "--state", "trusted", "--bundle", "-", stdin=chain_pem(ROOT))


def test_lists_are_set_from_a_file_and_shown_and_forgotten(terminal: Terminal, tmp_path: Path) -> None:
    agree(terminal)
    file = tmp_path / "luebeck.crl"
    file.write_text(crl_pem(ROOT, 7, 8))

    put = terminal.good("bundle", "crl", "set", PARTNER, str(file))
    shown = terminal.good("bundle", "crl", "show", PARTNER)
    terminal.good("bundle", "crl", "remove", PARTNER)
    gone = terminal.good("bundle", "crl", "show", PARTNER)

    assert put == shown
    assert shown.startswith(f"{PARTNER}: 1 revocation lists, policy hard\n")
    assert "CN=luebeck.example root" in shown
    assert gone.startswith(f"{PARTNER}: 0 revocation lists")


def test_the_policy_is_set_alone_and_what_is_wrong_is_told(terminal: Terminal) -> None:
    agree(terminal)
    terminal.good("bundle", "crl", "set", PARTNER, "-", stdin=crl_pem(ROOT, 7))

    text = terminal.good("bundle", "crl", "set", PARTNER, "--policy", "soft", "--grace-hours", "36")

    assert "policy soft, 36 h of grace" in text
    assert "crl_left_out" in text


def test_what_is_no_list_is_refused_with_its_code(terminal: Terminal) -> None:
    agree(terminal)

    result = terminal.run("bundle", "crl", "set", PARTNER, "-", stdin=chain_pem(ROOT))

    assert result.exit_code == 1
    assert "bad_crl" in result.output
