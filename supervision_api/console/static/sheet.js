// The sheet: footage of an instant opens beside the claim. Without this file the same links open a page.
const dialog = document.querySelector("dialog#moment");

// The face is drawn only near the instant it was seen at: a moment later the person may have moved.
function markFace(video, offset) {
  const box = video.parentElement.querySelector("[data-face]");
  if (!box) return;
  const show = () => { box.toggleAttribute("hidden", Math.abs(video.currentTime - offset) > 0.8); };
  for (const event of ["seeked", "timeupdate", "loadeddata"]) video.addEventListener(event, show);
}

function seek(video) {
  const offset = Number(video.dataset.offset);
  markFace(video, offset);
  const go = () => {
    video.currentTime = Math.min(offset, Math.max(0, video.duration - 0.1) || offset);
    video.play().catch(() => {});
  };
  if (video.readyState >= 1) go();
  else video.addEventListener("loadedmetadata", go, { once: true });
}

async function open(link) {
  const answer = await fetch(link.href, { headers: { "X-Fragment": "moment" }, credentials: "same-origin" });
  if (!answer.ok) { location.href = link.href; return; }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const body = page.querySelector("[data-moment-body]");
  if (!body) { location.href = link.href; return; }
  const close = document.createElement("button");
  close.type = "button";
  close.className = "button small close";
  close.textContent = "×";
  close.setAttribute("aria-label", dialog.dataset.close ?? "×");
  close.addEventListener("click", () => dialog.close());
  dialog.replaceChildren(close, document.importNode(body, true));
  dialog.scrollTop = 0;
  if (!dialog.open) dialog.showModal();
  close.focus();
  const video = dialog.querySelector("video");
  if (video) seek(video);
}

if (dialog) {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-moment]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    open(link).catch(() => { location.href = link.getAttribute("href"); });
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => dialog.replaceChildren());
} else {
  const video = document.querySelector("[data-moment-body] video");
  if (video) seek(video);
}

for (const control of document.querySelectorAll(".no-script")) control.hidden = false;
const notable = document.querySelector("#only-notable");
notable?.addEventListener("change", () => {
  for (const row of document.querySelectorAll("tbody[data-notable]")) row.hidden = notable.checked && row.dataset.notable === "no";
});
const print = document.querySelector("#print");
if (print) {
  print.hidden = false;
  print.addEventListener("click", () => window.print());
}
