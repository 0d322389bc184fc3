"""The API's documentation: everything is in it, and nothing in it can run or be loaded from elsewhere."""

import json
import re

import pytest

from control_plane.admin.api_docs import page
from control_plane.admin.app import ROUTES
from control_plane.admin.codes import CODES, Code
from control_plane.admin.openapi import describe
from control_plane.admin.problems import Refusal, response
from tests.unit.admin.world import World


@pytest.fixture(scope="module")
def text() -> str:
    return page(describe(ROUTES, version="1.2.3"), CODES)


def test_every_operation_type_and_code_has_an_anchor_of_its_own(text: str) -> None:
    document = describe(ROUTES, version="1.2.3")
    anchors = re.findall(r'id="([^"]+)"', text)

    wanted = {each["operationId"] for methods in document["paths"].values() for each in methods.values()}
    wanted |= {f"schema-{name}" for name in document["components"]["schemas"]}
    wanted |= {f"code-{code}" for code in CODES}
    assert wanted <= set(anchors)
    assert len(anchors) == len(set(anchors))


def test_every_link_leads_somewhere_on_the_page(text: str) -> None:
    links = set(re.findall(r'href="#([^"]+)"', text))

    assert links <= set(re.findall(r'id="([^"]+)"', text))


def test_nothing_runs_and_nothing_is_loaded_from_elsewhere(text: str) -> None:
    assert "<script" not in text
    assert not re.search(r"""\son\w+=|style=|(src|href)=["'](?!/ui/|#)""", text)


def test_what_is_described_is_escaped() -> None:
    codes = {"<b>": Code(400, "<script>alert(1)</script>", '"&')}

    shown = page(describe(ROUTES[:1], version="<i>"), codes)

    assert "<script>" not in shown
    assert "<i>" not in shown


async def test_it_is_served_to_browsers_without_a_token_and_with_a_strict_policy(world: World) -> None:
    answer = await world.remote("GET", "/api/docs")

    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


async def test_each_problem_links_to_its_explanation_on_the_page_that_is_served(world: World) -> None:
    answer = await world.call("GET", "/api/v1/federation/nodes/nobody@nowhere.example")
    linked = {
        str(json.loads(str(response(Refusal(code, "told")).text))["type"]) for code in (*CODES, "of_tomorrow")
    }

    assert answer.document["type"] in linked
    assert {link.partition("#")[0] for link in linked} == {"/api/docs"}
    served = (await world.remote("GET", "/api/docs")).document
    for link in linked:
        anchor = re.escape(link.partition("#")[2])
        assert re.search(rf'<dt id="{anchor}">.*</dt>\s*<dd>\w.+\. Next step: \S.+\.</dd>', served), link
