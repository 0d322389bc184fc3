"""The federation cases through our own verification."""

import pytest

from control_plane.model.problem import InvalidValueError
from control_plane.pki.certificate import load_chain
from control_plane.pki.verify import Anchors, authenticate
from tests.unit.pki.cases import federation_cases
from tests.unit.pki.federation import FederationCase
from tests.unit.pki.minting import NOW


@pytest.mark.parametrize("case", federation_cases(), ids=lambda case: case.name)
def test_each_case_is_accepted_or_refused_with_its_own_code(case: FederationCase) -> None:
    store = {bundle.organisation: Anchors.of(bundle) for bundle in case.bundles}

    try:
        authenticate(load_chain(case.chain), case.purpose, now=NOW, store=store, rules=case.rules)
        got = "accept"
    except InvalidValueError as error:
        got, detail = error.code, error.detail
        assert detail == detail.strip() != ""
        assert len(detail) < 500
        assert detail.isprintable()

    assert got == case.want


def test_there_are_enough_cases_and_each_has_a_name_of_its_own() -> None:
    names = [case.name for case in federation_cases()]

    assert len(names) >= 100
    assert len(set(names)) == len(names)
    assert sum(case.want == "accept" for case in federation_cases()) >= 30
