"""``rollcall attend`` on a clip of a stage, with portraits as roster, beside what an eye sees in it.

Ten seconds of film with cuts, a turned head, a profile that fills the picture, and people of the roster who
are seen only from the side. Who must not be named is as interesting as who must.
"""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

from models.identity import check_character

STARTS_AT = "2026-03-02T09:00:00+08:00"
ENDS_AT = "2026-03-02T09:00:10+08:00"
ROSTER = {
    "lin": "lin-manuel-miranda.png",
    "alex": "alex-lacamoire.png",
    "obama": "obama.jpg",
    "biden": "biden.jpg",
}
SEEN = (
    (0.0, 0.9, ("lin", "alex"), "singer full length (face 25 px), pianist at the left rim (face 25 px)"),
    (0.9, 1.7, ("alex",), "pianist's profile, close, turned fully to the left"),
    (1.7, 2.3, (), "audience out of focus, half a profile at the right rim"),
    (2.3, 7.04, ("lin",), "singer from the front and half turned, microphone before the mouth"),
    (7.04, 10.0, ("obama",), "audience from the side, a hand at the mouth; others are not on the roster"),
)
"""From, to, who of the roster is in the picture, and how; by eye, seconds since the first picture."""


def clip_report(material: Path, detector: str, scratch: Path) -> dict[str, Any]:
    """Who was named when, and who of them was not there."""
    from tests.benchmarks.real_attend import attend

    folder = scratch / "clip"
    if not folder.exists():
        write_clip_lesson(folder, material)
    out = scratch / f"clip-{detector}"
    attend(folder, out, detector, material)
    rows = [json.loads(line) for line in (out / "sightings.jsonl").read_text("utf-8").splitlines()]
    lines = [f"clip, {detector}: judged frame, faces, names"]
    false = 0
    for at_s in sorted({row["frame_pts_s"] for row in rows}):
        faces = [row for row in rows if row["frame_pts_s"] == at_s]
        names = sorted({row["trainee"] for row in faces if row["trainee"]})
        there = _there(at_s)
        false += len(set(names) - set(there))
        widths = ", ".join(f"{row['box'][2]:.0f}" for row in faces)
        lines.append(
            f"    {at_s:5.2f} s  {len(faces)} ({widths} px)  {names or '-'}  in the picture: {list(there)}"
        )
    said = json.loads((out / "attendance.json").read_text("utf-8"))
    statuses = {row["code"]: row["status"] for row in said["trainees"]}
    lines.append(f"    said: {statuses}; false names: {false}; unknown people: {len(said['unknown_people'])}")
    return {"detector": detector, "false_names": false, "statuses": statuses, "lines": lines}


def _there(at_s: float) -> tuple[str, ...]:
    return next((people for since, until, people, _ in SEEN if since <= at_s < until), ())


def write_clip_lesson(folder: Path, material: Path) -> None:
    """The clip, four portraits and a lesson of ten seconds whose least stretch is two."""
    (folder / "roster").mkdir(parents=True)
    faces = material / "faces"
    with (folder / "roster" / "roster.csv").open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["编号", "姓名", "身份证号", "电话", "照片"])
        for number, (code, photo) in enumerate(ROSTER.items(), start=1):
            shutil.copy(faces / "portraits" / photo, folder / "roster" / photo)
            digits = f"37179919800101{number:03d}"
            writer.writerow([code, code, digits + check_character(digits), f"1990000{number:04d}", photo])
    shutil.copy(faces / "video" / "short_hamilton_clip.mp4", folder / "lesson.mp4")
    (folder / "lesson.toml").write_text(
        f'class_code = "CLIP-1"\nstarts_at = {STARTS_AT}\nends_at = {ENDS_AT}\n\n'
        '[policy]\nsample_every = "500ms"\nmin_stretch = "2s"\n'
        'presence_gap = "4s"\nlate_after = "2s"\nearly_before = "2s"\n',
        "utf-8",
    )
