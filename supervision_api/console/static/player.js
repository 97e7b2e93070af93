// The player of a lesson's film: stills and times seek in place. Without this file the same links load the page anew.
const clock = new Intl.DateTimeFormat("en-GB", {
  timeZone: "Asia/Shanghai", hour: "2-digit", minute: "2-digit", second: "2-digit",
});
const STRIP_WIDTH = 2304;

function seek(video, second) {
  const go = () => {
    video.currentTime = Math.min(second, Math.max(0, (video.duration || second + 1) - 0.1));
    video.play().catch(() => {});
  };
  if (video.readyState >= 1) { go(); return; }
  video.preload = "auto";
  video.addEventListener("loadedmetadata", go, { once: true });
  video.load();
}

// The film lasts as long as the wall clock did, so a time of day is a second of the film.
function secondOf(text, starts) {
  const asked = text.split(":").map(Number);
  const first = clock.format(new Date(starts)).split(":").map(Number);
  const seconds = (parts) => parts[0] * 3600 + parts[1] * 60 + (parts[2] || 0);
  return seconds(asked) - seconds(first) - (starts % 1000) / 1000;
}

function follow(player) {
  const video = player.querySelector("video");
  const starts = Number(player.dataset.starts);
  const length = Number(player.dataset.length);
  const line = player.querySelector("[data-now]");
  const told = player.querySelector("[data-clock]");
  const show = () => {
    told.textContent = clock.format(new Date(starts + video.currentTime * 1000));
    const x = String(Math.min(1, video.currentTime / length) * STRIP_WIDTH);
    line.setAttribute("x1", x);
    line.setAttribute("x2", x);
    line.removeAttribute("hidden");
  };
  for (const event of ["timeupdate", "seeked", "loadeddata"]) video.addEventListener(event, show);
  player.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-seek]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    seek(video, Number(link.dataset.seek));
  });
  player.querySelector("[data-jump]")?.addEventListener("submit", (event) => {
    const second = secondOf(event.target.elements.time.value, starts);
    if (!(second >= 0 && second <= length)) return;
    event.preventDefault();
    seek(video, second);
  });
  if (video.preload === "auto") {
    const from = Number(video.dataset.second);
    // HLS players pass over the address's own fragment.
    video.addEventListener("loadedmetadata", () => { if (Math.abs(video.currentTime - from) > 0.5) video.currentTime = from; }, { once: true });
  }
}

for (const player of document.querySelectorAll("[data-player]")) follow(player);
