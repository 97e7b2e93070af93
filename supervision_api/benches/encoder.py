"""The encoder beside face_recognition's own, on photographs where there are any, else on drawn people."""

from __future__ import annotations

from pathlib import Path

from ingest.synthetic.cast import member
from ingest.synthetic.enrolment import portrait
from models.errors import InvalidInput
from models.ports import Picture
from recognition.bench_encoder import bench_encoder
from recognition.photos import decode_photo
from supervision_api.pipeline.faces import FaceSetup, open_faces

DRAWN_PEOPLE = 24
_SUFFIXES = (".jpg", ".jpeg", ".png")


def bench_recognition(setup: FaceSetup, material: Path | None) -> dict[str, float | int | bool | str]:
    """Ratio and largest difference of the embeddings.

    Raises:
        InvalidInput: the folder holds no photographs, or face_recognition is not installed.
    """
    pictures, source = _pictures(material)
    figures = bench_encoder(open_faces(setup).encoder, pictures)
    return {**figures, "faces_from": source}


def _pictures(material: Path | None) -> tuple[list[Picture], str]:
    if material is None:
        return [portrait(member(number)) for number in range(DRAWN_PEOPLE)], "drawn people"
    folder = material / "faces" / "portraits"
    files = sorted(p for p in folder.glob("*") if p.suffix.lower() in _SUFFIXES)
    if not files:
        raise InvalidInput("holds no photographs", place=str(folder), hint="leave --material away")
    return [decode_photo(p.read_bytes(), place=p.name) for p in files], "photographs"
