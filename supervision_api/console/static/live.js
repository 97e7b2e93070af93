// The live lesson page: server-sent events in, seats and face boxes out. The page is complete without it.
const root = document.querySelector("#live");
const texts = JSON.parse(root.dataset.texts);
const lesson = root.dataset.lesson;
const clockFormat = new Intl.DateTimeFormat("en-GB", {
  timeZone: "Asia/Shanghai", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
const clockText = (iso) => clockFormat.format(new Date(iso));
const seats = new Map([...document.querySelectorAll(".seat")].map((seat) => [seat.dataset.trainee, seat]));
const people = new Map();
const SVG = "http://www.w3.org/2000/svg";

// The server's clock counts; a visitor's may be hours off.
const skew = new Date(root.dataset.now).getTime() - Date.now();
const serverNow = () => Date.now() + skew;

function duration(milliseconds) {
  const two = (value) => String(Math.floor(value)).padStart(2, "0");
  const [hours, minutes, seconds] = [milliseconds / 3600000, (milliseconds / 60000) % 60, (milliseconds / 1000) % 60];
  return hours >= 1 ? `${Math.floor(hours)}:${two(minutes)}:${two(seconds)}` : `${Math.floor(minutes)}:${two(seconds)}`;
}

function tick() {
  const now = serverNow();
  const starts = Date.parse(root.dataset.starts);
  const ends = Date.parse(root.dataset.ends);
  document.querySelector("#clock").textContent = clockText(new Date(now).toISOString());
  document.querySelector("#elapsed").value = Math.max(0, Math.min(100, (100 * (now - starts)) / (ends - starts)));
  const left = document.querySelector("#remaining");
  const wait = now < starts ? starts - now : ends - now;
  const time = duration(wait);
  if (now < starts) left.textContent = texts.starts_in.replace("{time}", time);
  else if (now < ends) left.textContent = texts.ends_in.replace("{time}", time);
  else left.textContent = texts.closing;
}

function countSeen() {
  const seen = [...seats.values()].filter((seat) => seat.dataset.state !== "waiting").length;
  document.querySelector("#seen-count").textContent = seen;
}

function showRoll(entry, fresh) {
  const seat = seats.get(entry.trainee);
  if (!seat) return;
  const arrived = seat.dataset.state === "waiting" && entry.state !== "waiting";
  seat.dataset.state = entry.state;
  const seen = seat.querySelector(".seen");
  seen.textContent = entry.first_seen ? clockText(entry.first_seen) : texts.roll[entry.state];
  if (entry.state === "away") seen.textContent += ` · ${texts.roll.away}`;
  for (const mark of entry.marks) {
    const badge = document.createElement("span");
    badge.className = "mark";
    badge.textContent = texts.mark[mark] ?? mark;
    seen.append(badge);
  }
  if (arrived && fresh) {
    seat.classList.remove("fresh");
    void seat.offsetWidth;
    seat.classList.add("fresh");
  }
  countSeen();
}

function showUnknown(entry) {
  people.set(entry.person, entry);
  const list = document.querySelector("#unknowns");
  let row = list.querySelector(`[data-person="${CSS.escape(entry.person)}"]`);
  if (!row) {
    row = document.querySelector("#unknown-row").content.firstElementChild.cloneNode(true);
    row.dataset.person = entry.person;
    list.append(row);
    row.querySelector(".name").textContent = texts.unknown.replace("{number}", list.children.length);
  }
  row.querySelector(".small").textContent = `${clockText(entry.first_seen)} – ${clockText(entry.last_seen)}`;
  document.querySelector("#unknown-card").hidden = false;
  document.querySelector("#unknown-count").textContent = list.children.length;
}

function showCamera(entry) {
  const pill = document.querySelector(`[data-camera-state="${CSS.escape(entry.camera)}"]`);
  if (!pill) return;
  pill.className = `pill ${entry.state}`;
  pill.textContent = texts.camera[entry.state] ?? entry.state;
  stageOf(entry.camera)?.classList.toggle("stale", entry.state !== "recording");
}

const stageOf = (camera) => document.querySelector(`.stage[data-camera="${CSS.escape(camera)}"]`);

function nameOf(box) {
  if (box.trainee) return seats.get(box.trainee)?.dataset.name ?? box.trainee;
  return texts.unknown_face;
}

function drawBoxes(stage, image, boxes) {
  const svg = stage.querySelector("svg.boxes");
  svg.setAttribute("viewBox", `0 0 ${stage.clientWidth} ${stage.clientHeight}`);
  // the picture is letterboxed inside the stage; boxes are shares of the picture.
  const scale = Math.min(stage.clientWidth / image.naturalWidth, stage.clientHeight / image.naturalHeight);
  const [width, height] = [image.naturalWidth * scale, image.naturalHeight * scale];
  const [left, top] = [(stage.clientWidth - width) / 2, (stage.clientHeight - height) / 2];
  svg.replaceChildren(...boxes.map((box) => {
    const x = left + box.x * width, y = top + box.y * height;
    const group = document.createElementNS(SVG, "g");
    group.setAttribute("class", box.trainee ? "known" : "unknown");
    group.append(rectangle("face", x, y, box.w * width, box.h * height, 3));
    const label = document.createElementNS(SVG, "text");
    label.textContent = nameOf(box);
    const size = stage.clientWidth < 560 ? 11 : 13;
    svg.append(label);
    const wide = label.getComputedTextLength() + 10;
    const labelX = Math.min(Math.max(0, x + (box.w * width - wide) / 2), stage.clientWidth - wide);
    const labelY = y > size + 9 ? y - size - 8 : y + box.h * height + 2;
    group.append(rectangle("label", labelX, labelY, wide, size + 6, 3));
    label.setAttribute("x", labelX + 5);
    label.setAttribute("y", labelY + size);
    group.append(label);
    return group;
  }));
}

function rectangle(kind, x, y, width, height, radius) {
  const rect = document.createElementNS(SVG, "rect");
  rect.setAttribute("class", kind);
  for (const [name, value] of Object.entries({ x, y, width, height, rx: radius })) rect.setAttribute(name, value.toFixed(1));
  return rect;
}

// camera -> the newest picture there is of it; camera -> the one being fetched.
const latest = new Map();
const loading = new Set();

function showPicture(entry) {
  latest.set(entry.camera, entry);
  fetchPicture(entry.camera);
}

function fetchPicture(camera) {
  const stage = stageOf(camera);
  const entry = latest.get(camera);
  if (!stage || !entry || stage.hidden || document.hidden || loading.has(camera)) return;
  loading.add(camera);
  latest.delete(camera);
  const next = new Image();
  next.onload = () => { place(stage, next, entry); loading.delete(camera); fetchPicture(camera); };
  // the newest is fetched again when it is wanted; a failed one is not asked for twice.
  next.onerror = () => { loading.delete(camera); fetchPicture(camera); };
  next.src = `/console/lessons/${encodeURIComponent(lesson)}/live/${encodeURIComponent(camera)}.jpg?v=${entry.version}`;
}

function place(stage, picture, entry) {
  stage.querySelector("img").src = picture.src;
  stage.classList.add("has-picture");
  stage.picture = { image: picture, boxes: entry.boxes };
  drawBoxes(stage, picture, entry.boxes);
  const stamp = stage.querySelector(".stamp");
  stamp.hidden = false;
  stamp.textContent = clockText(entry.at);
}

function showCoverage(entry) {
  document.querySelector("#coverage").textContent = entry.share === null ? "–" : `${Math.round(entry.share * 100)}%`;
}

function showLesson(entry) {
  if (["judged", "sealed"].includes(entry.state)) { location.reload(); return; }
  const pill = document.querySelector("#lesson-state");
  pill.className = `pill ${entry.state}`;
  pill.textContent = texts.lesson[entry.state] ?? entry.state;
}

const shows = { roll: showRoll, unknown: showUnknown, camera: showCamera, picture: showPicture, coverage: showCoverage, lesson: showLesson };

function showSnapshot(state) {
  for (const [kind, show] of Object.entries(shows)) {
    for (const entry of Object.values(state[kind] ?? {})) show(entry, false);
  }
}

const connection = document.querySelector("#connection");
const outage = document.querySelector("#outage");
const RETRY_MS = 3000;
let heardAt = serverNow();

function sayConnected() {
  connection.hidden = false;
  connection.dataset.state = "on";
  connection.textContent = texts.connected;
  outage.hidden = true;
  document.body.classList.remove("offline");
}

// What stays on the page is old from now on, and must look and read like it.
function sayAway(text) {
  connection.hidden = false;
  connection.dataset.state = "off";
  connection.textContent = texts.reconnecting;
  outage.hidden = false;
  const told = text.replace("{time}", clockText(new Date(heardAt).toISOString()));
  const line = outage.querySelector("span");
  // said once, not at every attempt: the notice is read out loud.
  if (line.textContent !== told) line.textContent = told;
  document.body.classList.add("offline");
}

function heard() { heardAt = serverNow(); }

function connect() {
  const source = new EventSource(root.dataset.events);
  source.onopen = () => { heard(); sayConnected(); };
  source.onerror = () => {
    sayAway(texts.away);
    // a refused stream is not tried again by the browser: ask why, then try ourselves.
    if (source.readyState === EventSource.CLOSED) { source.close(); askWhy(); }
  };
  source.addEventListener("snapshot", (event) => { heard(); showSnapshot(JSON.parse(event.data)); });
  for (const [kind, show] of Object.entries(shows)) {
    source.addEventListener(kind, (event) => { heard(); show(JSON.parse(event.data), true); });
  }
  addEventListener("pagehide", () => source.close(), { once: true });
}

// The page's own address tells: sent to the log-in, gone, or the server just has its hands full.
async function askWhy() {
  const answer = await fetch(location.href, { credentials: "same-origin", redirect: "manual" }).catch(() => null);
  if (answer?.type === "opaqueredirect") {
    sayAway(texts.logged_out);
    document.querySelector("#log-in-again").hidden = false;
  } else if (answer?.status === 404 || answer?.status === 403) location.reload();
  else setTimeout(connect, RETRY_MS);
}

for (const tab of document.querySelectorAll("[data-camera-tab]")) {
  tab.addEventListener("click", () => {
    for (const other of document.querySelectorAll("[data-camera-tab]")) other.setAttribute("aria-pressed", other === tab);
    for (const stage of document.querySelectorAll(".stage[data-camera]")) stage.hidden = stage.dataset.camera !== tab.dataset.cameraTab;
    fetchPicture(tab.dataset.cameraTab);
  });
}
new ResizeObserver(() => {
  for (const stage of document.querySelectorAll(".stage[data-camera]")) {
    if (stage.picture) drawBoxes(stage, stage.picture.image, stage.picture.boxes);
  }
}).observe(root);
// back from another window, or from the browser's history: show what came meanwhile.
document.addEventListener("visibilitychange", () => { for (const camera of latest.keys()) fetchPicture(camera); });
addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
tick();
setInterval(tick, 1000);
connect();
