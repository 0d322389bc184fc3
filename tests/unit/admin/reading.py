"""Every page of the dashboard, and what a browser would make of it."""

from html.parser import HTMLParser
from urllib.parse import quote

from control_plane.admin.dashboard.pages import PAGES
from tests.unit.admin.browsing import Browser
from tests.unit.admin.hostile import HOSTILE
from tests.unit.admin.hostile_sources import KEY
from tests.unit.admin.world import PARTNER

ADDRESSES = {
    "organisation": (f"organisation?name={PARTNER}", f"organisation?name={PARTNER}&verb=revoke"),
    "node": (f"node?key={quote(KEY)}",),
    "request": ("request?id=text", f"request?id={quote(HOSTILE)}"),
    "work": (f"work?id={quote(HOSTILE)}",),
    "audit": ("audit", f"audit?principal={quote(HOSTILE[:60])}"),
    "nodes": ("nodes", f"nodes?find={quote(HOSTILE)}"),
    "routes": ("routes", f"routes?subject={quote(HOSTILE)}"),
}


class Read(HTMLParser):
    """What a browser would make of a page: its elements, and the texts between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.forms: list[dict[str, str]] = []
        self.fields: list[set[str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in {"img", "iframe", "object", "embed", "style", "base"}:
            self.wrong.append(f"<{tag}>")
        if tag == "script" and not given.get("src", "").startswith("/ui/static/"):
            self.wrong.append("<script> of a page's own")
        self.wrong += [name for name in given if name.startswith("on") or name in {"style", "srcdoc"}]
        for name in ("href", "src", "action"):
            if name in given and not given[name].startswith(("/", "#", "?")):
                self.wrong.append(f"{name}={given[name][:60]}")
        if tag == "form" and given.get("method", "").lower() == "post":
            self.forms.append(given)
            self.fields.append(set())
        if tag == "input" and self.fields:
            self.fields[-1].add(given.get("name", ""))


async def pages(browser: Browser, *, defects: bool = False) -> dict[str, str]:
    """Every page, whether it can show what is asked for or says why not.

    With ``defects`` a page may also fail: of names that cannot be, nothing more can be expected.
    """
    found = {}
    for page in PAGES:
        for address in ADDRESSES.get(page.path, (page.path,)):
            status, text = await browser.look(address)
            assert status < 500 or defects, (address, text)
            found[address] = text
    return found
