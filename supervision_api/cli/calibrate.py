"""``rollcall calibrate``: what distances mean, measured on labelled photos."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from supervision_api.cli.output import Output, failures_told


def calibrate(
    photos: Annotated[
        Path, typer.Argument(exists=True, file_okay=False, help="FOLDER/person/photos, two or more each.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Calibration file to write (JSON).")],
    provenance: Annotated[str, typer.Option(help="Which photos these are, in words, for the record.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One machine-readable document on stdout.")] = False,
) -> None:
    """Make a calibration from labelled photos, with false match and false non-match rates."""
    from recognition.calibration_photos import calibrate_photos
    from recognition.calibration_store import save_calibration
    from recognition.labelled_photos import labelled_photos
    from supervision_api.pipeline.faces import face_setup, open_faces
    from supervision_api.settings import load_settings

    output = Output(as_json=as_json)
    with failures_told(output):
        faces = open_faces(face_setup(load_settings()))
        calibration, faceless = calibrate_photos(
            labelled_photos(photos), faces.detector, faces.encoder, provenance=provenance or photos.name
        )
        save_calibration(calibration, out)
        output.line(f"{calibration.people} people, {calibration.photos} photos: {calibration.fingerprint}")
        for rates in calibration.rates:
            output.line(
                f"  {rates.group:<10} frames {rates.frames}  llr ≥ {rates.llr:5.1f}  "
                f"false match {rates.false_match_rate:.5f}  false non-match {rates.false_non_match_rate:.4f}"
            )
        for path in faceless:
            output.line(f"no face found: {path}", style="yellow")
        output.document(asdict(calibration) | {"out": str(out), "faceless": [str(p) for p in faceless]})
