// What the server rendered stays readable without this. It replaces the parts of a page that are marked data-live when
// something happened, and gives long tables a box to search in.

const PAUSE = 250; // ms: a burst of news is one reload

async function renew() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
    if (next && next.innerHTML !== part.innerHTML && !part.contains(document.activeElement)) {
      part.replaceWith(document.adoptNode(next));
    }
  }
}

function follow() {
  if (!document.querySelector("[data-live]")) return;
  let waiting = 0;
  const source = new EventSource("/ui/events");
  source.addEventListener("news", () => {
    if (waiting) return;
    waiting = setTimeout(async () => {
      waiting = 0;
      await renew().catch(() => {});
    }, PAUSE);
  });
  addEventListener("pagehide", () => source.close());
}

function filterable(table) {
  const label = document.createElement("label");
  label.className = "filter";
  label.append("Filter ");
  const box = label.appendChild(document.createElement("input"));
  box.type = "search";
  box.addEventListener("input", () => {
    const wanted = box.value.toLowerCase();
    for (const row of table.tBodies[0].rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
  table.parentElement.before(label);
}

for (const table of document.querySelectorAll("table[data-filter]")) if (table.tBodies[0].rows.length > 8) filterable(table);
follow();
