"""``rollcall enrol``: check a roster row by row and import it whole, or not at all."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from supervision_api.cli.output import FAILURE, Output, failures_told

if TYPE_CHECKING:
    from supervision_api.pipeline.roster_enrolment import ExaminedRoster


def enrol(
    roster: Annotated[
        Path, typer.Option("--roster", exists=True, help="Folder with roster.csv or .xlsx, or a zip of it.")
    ],
    class_code: Annotated[
        str, typer.Option("--class", help="Class to import into, made when new. Without it: only a check.")
    ] = "",
    consented: Annotated[
        bool,
        typer.Option("--consented", help="The trainees' separate consent to face recognition is on file."),
    ] = False,
    without_face: Annotated[
        bool,
        typer.Option(
            "--without-face", help="Accept trainees whose photos cannot serve; a person confirms them."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One machine-readable document on stdout.")] = False,
) -> None:
    """Check a roster and its photos; with --class import them. Exit 1 when a row must be mended."""
    from supervision_api.logs import configure_logs
    from supervision_api.pipeline.faces import face_setup, open_faces
    from supervision_api.pipeline.roster_enrolment import examine_roster
    from supervision_api.roster_files import read_roster
    from supervision_api.settings import load_settings

    out = Output(as_json=as_json)
    with failures_told(out):
        settings = load_settings()
        configure_logs(settings.log_format, settings.log_level)
        files = read_roster(roster)
        faces = open_faces(face_setup(settings))
        with out.progress("checking photos") as bar:
            examined = examine_roster(files, _today(), faces, bar.done, faceless_allowed=without_face)
        imported = False
        if class_code and examined.importable:
            digest = hashlib.sha256("\n".join("\t".join(row) for row in files.table).encode()).hexdigest()
            _import(class_code, examined, digest, consented=consented, without_face=without_face)
            imported = True
        _tell(out, examined, class_code, imported=imported)
    if not examined.importable:
        raise typer.Exit(FAILURE)


def _today() -> date:
    from supervision_api.clock import SystemClock
    from supervision_api.console.i18n import LOCAL_ZONE

    return SystemClock().now().astimezone(LOCAL_ZONE).date()


def _import(
    class_code: str, examined: ExaminedRoster, digest: str, *, consented: bool, without_face: bool
) -> None:
    from supervision_api.actions.classes import ClassDraft, create_class
    from supervision_api.actions.roster_import import ImportOrder, Source, store_roster
    from supervision_api.pipeline.installation import open_installation
    from supervision_api.settings import load_settings

    settings = load_settings()
    with open_installation(settings) as house, house.ledger.write() as work:
        now = house.clock.now()
        if work.classes.find(class_code) is None:
            create_class(work, ClassDraft(class_code, class_code), settings.institution, now)
        order = ImportOrder(class_code, consented=consented, faceless_allowed=without_face)
        store_roster(work, order, examined, Source("rollcall enrol", digest), now)


def _tell(out: Output, examined: ExaminedRoster, class_code: str, *, imported: bool) -> None:
    for problem in examined.problems:
        style = "red" if problem.fatal else "yellow"
        out.line(f"line {problem.line:>5}  {problem.field:<10} {problem.message}", style=style)
    fatal = sum(1 for p in examined.problems if p.fatal)
    if imported:
        out.line(f"{len(examined.trainees)} trainees are enrolled in {class_code}")
    elif fatal:
        out.line(f"{fatal} problems must be mended; nothing was imported")
    else:
        out.line(f"{len(examined.rows)} rows are fine; import them with --class CODE")
    out.document(
        {
            "importable": examined.importable,
            "imported": imported,
            "class": class_code or None,
            "trainees": len(examined.trainees),
            "photos": len(examined.photos),
            "without_face": list(examined.faceless),
            "problems": [
                {"line": p.line, "field": p.field, "code": p.code, "message": p.message, "fatal": p.fatal}
                for p in examined.problems
            ],
        }
    )
