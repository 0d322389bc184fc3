"""One story for each page of the dashboard, over two real organisations."""

import csv
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from control_plane.app.demo.organisation import eventually
from tests.browser.system import System, link

pytestmark = pytest.mark.asyncio(loop_scope="session")

SOON = 30_000  # ms


async def test_an_organisation_is_paused_after_a_preview_and_resumed(partners: System) -> None:
    page = await partners.novgorod.at("organisations")
    await page.get_by_role("link", name=partners.luebeck.name).click()
    await page.get_by_role("link", name="Pause…").click()
    warning = page.locator("section.warning")
    await expect(warning).to_contain_text("Resuming brings everything back.")
    await expect(warning).to_contain_text("orders@luebeck.example")
    await page.get_by_role("button", name="Pause", exact=True).click()
    await expect(page.locator("h1")).to_contain_text("paused")
    await eventually("a request to be refused", partners.refused)

    await page.get_by_role("button", name="Resume").click()

    await expect(page.locator("h1")).to_contain_text("trusted")
    await partners.befriend()
    await page.close()


async def test_a_node_is_drained_after_a_question_and_used_again(partners: System) -> None:
    page = await partners.novgorod.at("nodes")
    await page.get_by_role("link", name="luebeck-1").click()
    await expect(page.get_by_text("What our gateways were told of it")).to_be_visible()
    await page.get_by_role("link", name="Drain…").click()
    await page.get_by_role("textbox", name="Reason").fill("new disks")
    await page.get_by_role("button", name="Drain", exact=True).click()
    await expect(page.get_by_text("draining").first).to_be_visible()
    await expect(page.get_by_text("new disks")).to_be_visible()

    await page.get_by_role("button", name="Send to it again").click()

    await expect(page.get_by_role("link", name="Drain…")).to_be_visible()
    await page.close()


async def test_what_a_node_showed_is_seen_from_its_partner(partners: System) -> None:
    await partners.call()
    page = await partners.luebeck.at("node?key=novgorod-1@novgorod.example")

    await expect(page.locator('[data-live="certificates"] rect.seen').first).to_be_attached(timeout=SOON)

    await page.close()


async def test_who_may_use_what_is_a_matrix(partners: System) -> None:
    page = await partners.luebeck.at("resources")

    row = page.locator("table.matrix tr", has_text="orders")

    await expect(row).to_contain_text("may")
    await expect(page.locator("table.matrix th", has_text="novgorod.example")).to_be_visible()
    await page.close()


async def test_a_way_is_walked_to_where_it_stops(partners: System) -> None:
    page = await partners.novgorod.at("routes")
    await page.get_by_role("textbox", name="What", exact=True).fill("orders@luebeck.example")
    await page.get_by_role("button", name="Explain").click()
    await expect(page.get_by_text("Nothing stops orders@luebeck.example.")).to_be_visible()
    await partners.novgorod.organisation.post("/federation/agreements/luebeck.example/pause", {})
    told = await eventually("the way to stop", lambda: _stopped(partners))

    await page.reload()

    await expect(page.locator(".stages li.stopped")).to_contain_text("agreement")
    await expect(page.locator(".stages li.unwalked").first).to_contain_text("not looked at")
    await expect(page.locator(".way .verdict")).to_contain_text(told["code"])
    await partners.novgorod.organisation.post("/federation/agreements/luebeck.example/resume", {})
    await page.close()


async def _stopped(partners: System) -> Any:  # noqa: ANN401 - a document; None while the way is open
    asked = {"route": "orders@luebeck.example"}
    told = await partners.novgorod.organisation.post("/federation/routes/explain", asked)
    return None if told["works"] else told


async def test_everything_that_ends_is_on_one_line_and_a_change_of_anchors_shows_its_steps(
    partners: System,
) -> None:
    page = await partners.novgorod.at("trust")
    await expect(page.locator("svg.timeline .mark").first).to_be_attached()
    await page.get_by_role("button", name="Announce a new root").click()
    await expect(page.locator(".steps li")).to_have_count(5)
    await expect(page.locator('[aria-current="step"]')).to_be_visible()

    await page.get_by_role("button", name="Back to the old root").click()

    await expect(page.get_by_role("button", name="Announce a new root")).to_be_visible(timeout=SOON)
    await page.close()


async def test_the_audit_is_searched_verified_and_exported(partners: System, tmp_path: Path) -> None:
    await partners.call()
    page = await partners.novgorod.at("audit")
    await page.get_by_role("combobox", name="Outcome").select_option("allowed")
    await page.get_by_role("textbox", name="Resource").fill("orders@luebeck.example")
    await page.get_by_role("button", name="Search").click()
    await expect(page.locator("#events tr").first).to_contain_text("orders@luebeck.example")

    await page.get_by_role("button", name="As a table, CSV").click()
    await expect(page.get_by_text("done")).to_be_visible(timeout=SOON)
    async with page.expect_download() as saving:
        await page.get_by_role("link", name="Save audit.csv").click()
    await (await saving.value).save_as(tmp_path / "audit.csv")
    rows = list(csv.DictReader((tmp_path / "audit.csv").read_text(encoding="utf-8").splitlines()))
    assert {row["resource"] for row in rows} == {"orders@luebeck.example"}

    await page.get_by_role("link", name="Back").click()
    await page.get_by_role("button", name="Verify").click()
    await expect(page.get_by_text(re.compile("Rows 0 to .* are what they were"))).to_be_visible(timeout=SOON)
    await page.close()


async def test_audits_are_compared_on_demand(partners: System) -> None:
    page = await partners.luebeck.at("reconciliation")
    await page.get_by_role("combobox", name="With").select_option("novgorod.example")
    await page.get_by_role("button", name="Compare").click()
    await expect(page.locator("#work dl")).to_contain_text("Matched", timeout=SOON)

    await page.get_by_role("link", name="Back").click()

    await expect(page.locator('[data-live="reports"] tbody tr').first).to_contain_text("novgorod.example")
    await page.close()


async def test_what_a_gateway_should_have_and_has_is_told_one_by_one(partners: System) -> None:
    page = await partners.luebeck.at("gateways")
    await expect(page.locator("table.matrix tbody tr")).to_have_count(2)
    await expect(page.locator("table.matrix")).to_contain_text("all")

    await page.locator("table.matrix").get_by_role("link", name="luebeck-1").click()
    await page.get_by_role("link", name="All of them").click()

    await expect(page.locator('[data-live="diff"]')).to_contain_text("trust-ingress")
    await page.close()


async def test_how_discovery_fares_is_told(partners: System) -> None:
    page = await partners.novgorod.at("discovery")

    await expect(page.get_by_role("heading", name="Conflicts")).to_be_visible()

    await page.close()


async def test_a_check_says_what_the_command_says(partners: System) -> None:
    page = await partners.novgorod.at("check")

    async def same() -> Any:  # noqa: ANN401 - a document; None when it was another one before the page was made
        before = await partners.novgorod.organisation.get("/federation/check")
        await page.reload()
        after = await partners.novgorod.organisation.get("/federation/check")
        return after if _codes(before) == _codes(after) else None

    told = await eventually("the same findings before and after the page", same)
    for group in told["groups"]:
        section = page.locator("tbody", has=page.locator(f"#group-{group['name']}"))
        await expect(section.locator("tr.finding")).to_have_count(len(group["findings"]))
        for finding in group["findings"]:
            await expect(section).to_contain_text(finding["code"] or finding["level"])
    await page.close()


def _codes(check: Any) -> list[list[str]]:  # noqa: ANN401 - a document
    return [[each["code"] or each["level"] for each in group["findings"]] for group in check["groups"]]


async def test_the_api_is_told_operation_by_operation(partners: System) -> None:
    page = await partners.novgorod.at("api")
    operation = page.locator("details", has_text="Invite an organisation")
    await operation.locator("summary").click()

    await expect(operation).to_contain_text("lifetime")

    await page.close()


async def test_everything_can_be_read_and_done_without_scripts(partners: System) -> None:
    async with partners.novgorod.opened(java_script_enabled=False) as context:
        page = await context.new_page()
        await page.goto(await link(partners.novgorod.organisation))
        for title in await page.locator("nav a").all_inner_texts():
            await page.get_by_role("navigation").get_by_role("link", name=title, exact=True).click()
            await expect(page.locator("h1")).to_be_visible()

        await page.get_by_role("link", name="Organisations").click()
        await page.get_by_role("link", name=partners.luebeck.name).click()
        await page.get_by_role("link", name="Pause…").click()
        await page.get_by_role("button", name="Pause", exact=True).click()
        await page.get_by_role("button", name="Resume").click()
        await expect(page.locator("h1")).to_contain_text("trusted")

        await page.get_by_role("link", name="Audit", exact=True).click()
        await page.get_by_role("button", name="Verify").click()
        for _ in range(100):
            await page.wait_for_load_state()  # a click returns before the page is read
            again = page.get_by_role("link", name="Look again")
            if not await again.count():
                break
            await again.click()
        await expect(page.get_by_text(re.compile("Rows 0 to .* are what they were"))).to_be_visible()
