"""``rollcall export``: evidence bundles of a lesson, a case or a class."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from supervision_api.cli.output import Output, ProgressBar, failures_told, usage_error

if TYPE_CHECKING:
    from supervision_api.pipeline.bundling import Derive
    from supervision_api.pipeline.installation import Installation

group = typer.Typer(help="Evidence bundles.", no_args_is_help=True)

OutOption = Annotated[Path | None, typer.Option("--out", help="Folder to write; the id unless given.")]
FootageOption = Annotated[
    bool, typer.Option("--footage/--hashes", help="With the footage, or only its hashes.")
]
BlurOption = Annotated[
    bool, typer.Option("--blur-faces", help="Also a copy of the footage with faces blurred, marked derived.")
]
C2paOption = Annotated[
    bool,
    typer.Option(
        "--c2pa",
        help="Also a copy with a signed C2PA manifest, marked derived; of the blurred one if there is.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One machine-readable document on stdout.")]


@group.callback()
def _group() -> None:
    """Evidence bundles."""


@group.command("lesson")
def lesson(
    lesson_id: Annotated[str, typer.Argument(metavar="ID", help="The lesson's id.")],
    out: OutOption = None,
    footage: FootageOption = True,
    blur_faces: BlurOption = False,
    c2pa: C2paOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write the bundle of a judged lesson. Taking it out is itself a leaf of the evidence log."""
    _export("lesson", lesson_id, out, footage=footage, blur_faces=blur_faces, c2pa=c2pa, as_json=as_json)


@group.command("case")
def case(
    flag_id: Annotated[str, typer.Argument(metavar="ID", help="The flag's id.")],
    out: OutOption = None,
    footage: FootageOption = True,
    blur_faces: BlurOption = False,
    c2pa: C2paOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write a flag, those linked to it, its lesson's evidence, and the footage of the claim alone."""
    _export("case", flag_id, out, footage=footage, blur_faces=blur_faces, c2pa=c2pa, as_json=as_json)


@group.command("class")
def class_archive(
    code: Annotated[str, typer.Argument(metavar="ID", help="The class's code.")],
    out: OutOption = None,
    footage: FootageOption = False,
    blur_faces: BlurOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write the class archive: judged lessons, roster, timetable, class-hour record; hashes unless told."""
    _export("class", code, out, footage=footage, blur_faces=blur_faces, as_json=as_json)


def _export(
    scope: str,
    subject: str,
    out: Path | None,
    *,
    footage: bool,
    blur_faces: bool,
    c2pa: bool = False,
    as_json: bool,
) -> None:
    from storage.bundle_evidence import BundleScope
    from supervision_api.pipeline.bundle_plans import BundleOrder
    from supervision_api.pipeline.bundling import write_ordered_bundle
    from supervision_api.pipeline.installation import open_installation
    from supervision_api.settings import load_settings

    output = Output(as_json=as_json)
    if c2pa and not footage and not blur_faces:
        raise usage_error(
            output,
            "a signed copy is the footage itself: --c2pa does not go with --hashes",
            "take it with --footage, or with --blur-faces",
        )
    with failures_told(output), open_installation(load_settings()) as house, output.progress(scope) as bar:
        target = out or Path(subject)
        order = BundleOrder(BundleScope(scope), subject, "rollcall export", footage)
        written = write_ordered_bundle(house, order, target, _copies(house, bar, blur_faces, c2pa))
        for problem in written.problems:
            output.line(problem, style="bold red")
        output.line(f"written to {target}; check it with: rollcall verify {target}")
        output.document({"out": str(target), "files": len(written.files), "problems": list(written.problems)})


def _copies(house: Installation, bar: ProgressBar, blur_faces: bool, c2pa: bool) -> Derive | None:
    from supervision_api.pipeline.blurred_copies import blurred_copies
    from supervision_api.pipeline.signed_copies import clip_signer, signed_copies

    # The signer first: what is wrong with its key is told before a network is loaded.
    signer = clip_signer(house) if c2pa else None
    if signer is None:
        return blurred_copies(house.settings, bar.done) if blur_faces else None
    blurred = blurred_copies(house.settings, lambda _share, _what: None) if blur_faces else None
    return signed_copies(house, signer, bar.done, blurred)
