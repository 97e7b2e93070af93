// Progress of a roster check. Without this file the page refreshes itself.
const job = document.querySelector("#job");

async function poll() {
  const answer = await fetch(job.dataset.progress, { credentials: "same-origin" });
  if (!answer.ok) { location.reload(); return; }
  const state = await answer.json();
  if (state.done) { location.reload(); return; }
  job.querySelector("progress").value = state.percent;
  document.querySelector("#job-done").textContent = state.percent;
  setTimeout(poll, 700);
}

if (job) poll();
document.querySelector("#import-form")?.addEventListener("submit", (event) => {
  const button = event.submitter;
  // disabling at once would leave the button's value out of the form.
  setTimeout(() => { if (button) button.disabled = true; });
});
