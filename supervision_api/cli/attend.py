"""``rollcall attend``: attendance of one lesson from files."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from supervision_api.cli.output import FAILURE, Output, failures_told, usage_error


def attend(
    roster: Annotated[
        Path, typer.Option("--roster", exists=True, help="Folder with roster.csv or .xlsx, or a zip of it.")
    ],
    video: Annotated[
        list[Path],
        typer.Option("--video", exists=True, dir_okay=False, help="Video of the lesson; once per camera."),
    ],
    lesson: Annotated[
        Path, typer.Option("--lesson", exists=True, dir_okay=False, help="The lesson as TOML.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder to write; must not exist or be empty.")],
    starts_at: Annotated[
        str | None, typer.Option("--starts-at", help="When the video begins, if not with the lesson.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One machine-readable document on stdout.")] = False,
) -> None:
    """Whole job on files: attendance.json, attendance.xlsx, sightings.jsonl, footage and evidence in OUT."""
    from supervision_api.logs import configure_logs
    from supervision_api.pipeline.offline import AttendJob
    from supervision_api.pipeline.offline import attend as run_attend
    from supervision_api.settings import load_settings

    output = Output(as_json=as_json)
    begins = _instant(output, starts_at)
    with failures_told(output):
        settings = load_settings()
        configure_logs(settings.log_format, settings.log_level)
        job = AttendJob(roster, tuple(video), lesson, out, begins)
        with output.progress("attend") as bar:
            result = run_attend(settings, job, bar.done)
        _tell(output, result, out)
        if result.problems:  # the bundle is there and says what it lacks, but nobody shall take it for whole
            raise typer.Exit(FAILURE)


def _instant(out: Output, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise usage_error(
            out, f"--starts-at {text!r} is no time", "write 2026-11-23T09:00:00+08:00"
        ) from None
    if at.tzinfo is None:
        raise usage_error(out, f"--starts-at {text} has no zone", "write 2026-11-23T09:00:00+08:00")
    return at


def _tell(output: Output, result: object, out: Path) -> None:
    from models.reason_texts import mark_text, render_reason, status_text
    from models.resemblance import hint_in
    from supervision_api.pipeline.offline import AttendResult
    from supervision_api.reports.attendance_document import attendance_document

    assert isinstance(result, AttendResult)  # noqa: S101 - narrows for the type checker
    outcome = result.outcome
    for verdict in outcome.verdicts:
        marks = ", ".join(mark_text(mark, "en") for mark in verdict.marks)
        name = outcome.names.get(verdict.trainee, "")
        output.line(
            f"{verdict.trainee:<10} {status_text(verdict.status, 'en'):<16} "
            f"{verdict.present_minutes:7.1f} min  {verdict.credited_hours:4.1f} h  {name}  {marks}"
        )
        if (hint := hint_in(verdict)) is not None:
            output.line(f"{'':<10} {render_reason(hint.reason, 'en')}", style="yellow")
    for person in outcome.unknown_people:
        output.line(f"{person.key:<10} not on the roster, from {person.first_seen:%H:%M:%S} UTC")
    for problem in result.roster.problems:
        output.line(f"roster line {problem.line}, {problem.field}: {problem.message}", style="yellow")
    for report in result.reports:
        for advice in report.advice:
            output.line(f"→ {advice}", style="yellow")
    for problem_text in result.problems:
        output.line(f"bundle: {problem_text}", style="bold red")
    output.line(f"written to {out}; check it with: rollcall verify {out}")
    document = attendance_document(outcome)
    document["out"] = str(out)
    document["roster_problems"] = [
        {"line": p.line, "field": p.field, "code": p.code, "message": p.message, "fatal": p.fatal}
        for p in result.roster.problems
    ]
    document["bundle_problems"] = list(result.problems)
    document["advice"] = [line for report in result.reports for line in report.advice]
    output.document(document)
