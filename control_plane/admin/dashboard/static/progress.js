// Long work: looks again how far it is, until it has ended. Without this, "Look again" does the same.

import { signedOut } from "./live.js";

const PAUSE = 500; // ms
const LONGEST = 5000;

async function again(place, pause) {
  const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" }).catch(() => null);
  if (answer && answer.ok) {
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("#work");
    if (fresh) {
      place.replaceWith(document.adoptNode(fresh));
      place = fresh;
    }
  } else if (answer && answer.status < 500) return answer.status === 401 ? signedOut() : undefined;
  if (place.dataset.running === "yes") setTimeout(again, pause, place, Math.min(pause * 1.2, LONGEST));
}

const work = document.querySelector("#work");
if (work && work.dataset.running === "yes") setTimeout(again, PAUSE, work, PAUSE);
