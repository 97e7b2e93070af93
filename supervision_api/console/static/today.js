// The day's list keeps itself fresh. Without this file the page refreshes itself.
const REFRESH_MS = 15000;

async function refresh() {
  const list = document.querySelector("#day-list");
  if (document.hidden || list.contains(document.activeElement)) return;
  const answer = await fetch(location.href, { credentials: "same-origin" });
  if (!answer.ok) return;
  if (answer.redirected) { location.reload(); return; }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector("#day-list");
  if (fresh) list.replaceWith(document.importNode(fresh, true));
}

// a server that is away is asked again at the next turn.
setInterval(() => { refresh().catch(() => {}); }, REFRESH_MS);
document.addEventListener("visibilitychange", () => { refresh().catch(() => {}); });
