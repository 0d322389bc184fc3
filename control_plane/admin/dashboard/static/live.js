// What the server rendered stays readable without this. It puts new events where data-rows is, replaces the parts of a page
// that are marked data-live when something else is different, and gives long tables and the picture a box to search in.

const PAUSE = 500; // ms between two renewals, but for the first two: a burst of news is one
const TYPING = 250; // ms after the last key until the server is asked
const PATIENCE = 5000; // ms for which nobody need know that the connection is lost

const say = (text) => { const said = document.getElementById("said"); if (said && said.textContent !== text) said.textContent = text; };

// Above everything else, that nothing new comes any more, and why; said once, and taken back when it does again.
function notice(text, link) {
  const known = document.getElementById("notice");
  if (!text || known) return text ? undefined : known?.remove();
  const place = document.createElement("p");
  place.id = "notice";
  place.className = "problem";
  place.setAttribute("role", "alert");
  place.append(text);
  if (link) place.append(" ", Object.assign(document.createElement("a"), link));
  document.querySelector("main").prepend(place);
}

let over = false;

export function signedOut() {
  over = true;
  notice();
  notice("You are not signed in any more: what is shown here is not renewed.", { href: "/ui/login", textContent: "Sign in" });
}

let asked = 0;

// Whether what is shown is as new as the server's answer, or as that of a later question.
async function renew() {
  const question = ++asked;
  const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
  if (answer.status === 401) return signedOut();
  if (!answer.ok) return false;
  const text = await answer.text();
  if (question !== asked) return true;
  const fresh = new DOMParser().parseFromString(text, "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
    if (!next || next.innerHTML === part.dataset.was || part.contains(document.activeElement)) continue;
    const was = next.innerHTML;
    if (was === part.innerHTML) continue;
    next.dataset.was = was;
    if ("say" in part.dataset && next.textContent !== part.textContent) say(next.textContent.trim());
    part.replaceWith(document.adoptNode(next));
    furnish(next);
  }
  search();
  return true;
}

function add(html) {
  const body = document.querySelector("[data-rows]");
  if (!body) return;
  const fresh = new DOMParser().parseFromString(`<table><tbody>${html}</tbody></table>`, "text/html");
  const known = new Set([...body.rows].map((row) => row.dataset.id));
  for (const row of fresh.querySelectorAll("tr[data-id]")) {
    if (known.has(row.dataset.id)) continue;
    row.classList.add("fresh");
    body.prepend(document.adoptNode(row));
  }
  while (body.rows.length > Number(body.dataset.rows)) body.lastElementChild.remove();
  for (const row of [...body.rows]) if (!row.dataset.id) row.remove();
}

function follow() {
  if (!document.querySelector("[data-live], [data-rows]")) return;
  let busy = false, again = false, renewed = -PAUSE;
  const news = async () => {
    again = true;
    if (busy) return;
    busy = true;
    while (again && !over) {
      again = false;
      const calm = performance.now() - renewed > PAUSE;
      renewed = performance.now();
      const fine = await renew().catch(() => false);
      again ||= !fine;
      if (!calm || !fine) await new Promise((done) => setTimeout(done, fine ? PAUSE : PATIENCE));
    }
    busy = false;
  };
  let silence = 0;
  const seen = new URLSearchParams({ state: document.body.dataset.seen });
  const rows = document.querySelector("[data-rows]");
  if (rows) seen.set("row", rows.querySelector("tr[data-id]")?.dataset.id ?? "");
  const source = new EventSource(`/ui/events?${seen}`);
  source.addEventListener("rows", (event) => add(event.data));
  source.addEventListener("news", news);
  source.addEventListener("ended", () => { source.close(); signedOut(); });
  source.addEventListener("open", () => { clearTimeout(silence); notice(); });
  source.addEventListener("error", () => {
    clearTimeout(silence);
    if (source.readyState !== EventSource.CLOSED) silence = setTimeout(notice, PATIENCE, "The control plane does not answer: what is shown here is not renewed.");
    else refused().catch(() => notice("Nothing new is shown here any more: load the page again."));
  });
  addEventListener("pagehide", () => { clearTimeout(silence); source.close(); });
  addEventListener("pageshow", (event) => event.persisted && location.reload());
}

// Events are not given to this page (any more): to nobody who is not signed in, and to not more pages than may be open.
async function refused() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
  if (answer.status === 401) signedOut();
  else notice("Nothing new is shown here any more: too many pages are open. Close one, and load this one again.");
}

let wanted = "";

function search() {
  const matches = (one) => !wanted || one.dataset.name.toLowerCase().includes(wanted);
  for (const one of document.querySelectorAll("[data-find] [data-name]")) {
    if (one instanceof SVGElement) one.classList.toggle("dim", !matches(one)), one.classList.toggle("found", Boolean(wanted) && matches(one));
    else one.hidden = !matches(one);
  }
}

function box(text, then, value = "") {
  const label = document.createElement("label");
  label.className = "filter";
  label.append(`${text} `);
  const input = label.appendChild(document.createElement("input"));
  input.type = "search";
  input.value = value;
  input.addEventListener("input", () => then(input.value.toLowerCase()));
  return label;
}

const filters = new Map();

function furnish(part) {
  reach(part);
  for (const table of part.querySelectorAll("table[data-filter]")) {
    if (table.tBodies[0].rows.length <= 8) continue;
    const name = table.dataset.filter || [...document.querySelectorAll("table")].indexOf(table);
    const filter = (text) => {
      filters.set(name, text);
      for (const row of table.tBodies[0].rows) row.hidden = !row.textContent.toLowerCase().includes(text);
    };
    const before = table.parentElement.previousElementSibling;
    if (before?.classList.contains("filter")) before.remove();
    table.parentElement.before(box("Filter", filter, filters.get(name) ?? ""));
    if (filters.get(name)) filter(filters.get(name));
  }
}

// What is wider than its place can be scrolled by the keyboard too.
function reach(part) {
  for (const wide of part.querySelectorAll(".wide, .chart")) {
    if (wide.scrollWidth <= wide.clientWidth || wide.hasAttribute("tabindex")) continue;
    wide.tabIndex = 0;
    wide.setAttribute("role", "region");
    wide.setAttribute("aria-label", wide.querySelector("caption")?.textContent || wide.closest("section, main")?.querySelector("h2, h1")?.textContent.trim() || "Table");
  }
}

// What is typed marks the picture at once; what else is called so the server knows, and "Find" without this.
for (const form of document.querySelectorAll("[data-find-box]")) {
  const input = form.querySelector("input");
  let later = 0;
  form.querySelector("button").hidden = true;
  input.addEventListener("input", () => {
    wanted = input.value.trim().toLowerCase();
    search();
    clearTimeout(later);
    later = setTimeout(() => {
      history.replaceState(null, "", wanted ? `?${new URLSearchParams({ find: input.value })}` : location.pathname);
      renew().catch(() => {});
    }, TYPING);
  });
  wanted = input.value.trim().toLowerCase();
}
search();
furnish(document);
document.querySelector("nav a[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
addEventListener("resize", () => reach(document));
follow();
