"""Admission: each reason has its code, and the operator's own switch comes first."""

from dataclasses import replace

import pytest

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.bundle import Bundle
from control_plane.plan.admit import admit
from tests.fakes.values import LUEBECK, node

TRUSTED = Agreement(LUEBECK, AgreementState.TRUSTED)
BUNDLE = Bundle(LUEBECK, ("pem",))


def test_an_enabled_node_of_a_trusted_partner_with_anchors_is_admitted() -> None:
    assert admit(node(), TRUSTED, BUNDLE) is None


@pytest.mark.parametrize(
    ("agreement", "bundle", "code"),
    [
        (None, BUNDLE, "agreement_missing"),
        (Agreement(LUEBECK, AgreementState.UNTRUSTED), BUNDLE, "agreement_untrusted"),
        (Agreement(LUEBECK, AgreementState.PENDING), BUNDLE, "agreement_pending"),
        (Agreement(LUEBECK, AgreementState.REVOKED), BUNDLE, "agreement_revoked"),
        (replace(TRUSTED, paused=True), BUNDLE, "agreement_paused"),
        (TRUSTED, None, "bundle_missing"),
        (TRUSTED, Bundle(LUEBECK, ()), "bundle_empty"),
    ],
)
def test_a_node_is_held_for_a_stated_reason(
    agreement: Agreement | None, bundle: Bundle | None, code: str
) -> None:
    problem = admit(node(), agreement, bundle)

    assert problem is not None
    assert (problem.subject, problem.code) == ("node lb-1@luebeck.example", code)
    assert LUEBECK in problem.detail
    assert problem.hint


def test_a_disabled_node_is_held_whatever_else_holds_it() -> None:
    problem = admit(replace(node(), enabled=False), None, None)

    assert problem is not None
    assert problem.code == "node_disabled"
