// Upload and progress of a roster check. Without this file the page refreshes itself.
const job = document.querySelector("#job");
const form = document.querySelector("#import-form");
const POLL_MS = 700;
const AWAY_MS = 3000;

async function poll() {
  const away = document.querySelector("#job-away");
  let answer;
  try {
    answer = await fetch(job.dataset.progress, { credentials: "same-origin" });
  } catch {
    away.hidden = false;
    away.textContent = job.dataset.away;
    setTimeout(poll, AWAY_MS);
    return;
  }
  // forgotten by a restart, or logged out: the page itself says which.
  if (!answer.ok || answer.redirected) { location.reload(); return; }
  away.hidden = true;
  const state = await answer.json();
  if (state.done) { location.reload(); return; }
  job.querySelector("progress").value = state.percent;
  document.querySelector("#job-done").textContent = state.percent;
  setTimeout(poll, POLL_MS);
}

function complain(text) {
  const line = document.querySelector("#upload-problem");
  line.textContent = text;
  line.hidden = false;
}

// The server would refuse it too, but only after the whole upload, and browsers show that as a broken line.
function tooLarge() {
  const files = [...form.querySelector("input[type=file]").files];
  return files.reduce((sum, file) => sum + file.size, 0) > Number(form.dataset.limit);
}

if (job) poll();
form?.addEventListener("submit", (event) => {
  if (tooLarge()) {
    event.preventDefault();
    complain(form.dataset.tooLarge);
    return;
  }
  const button = event.submitter;
  // disabling at once would leave the button's value out of the form.
  setTimeout(() => { if (button) button.disabled = true; });
});
// the browser's history brings the page back as it was left: with a button that nobody can press.
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("#import-form button")) button.disabled = false;
});
