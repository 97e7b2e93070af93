"""``rollcall bench``: side by side with the usual way, one core, one run; ratios count, seconds drift."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from supervision_api.cli.output import Output, failures_told

group = typer.Typer(help="Measure side by side; ratios count.", no_args_is_help=True)
JsonOption = Annotated[bool, typer.Option("--json", help="One machine-readable document on stdout.")]
MaterialOption = Annotated[
    Path | None, typer.Option(help="Folder that holds faces/portraits; without it drawn people are used.")
]


def _tell(out: Output, title: str, figures: dict[str, Any]) -> None:
    out.line(title, style="bold")
    for name, value in figures.items():
        out.line(f"  {name:<28} {value:.6g}" if isinstance(value, float) else f"  {name:<28} {value}")
    out.document(figures)


@group.command("recognition")
def recognition(material: MaterialOption = None, as_json: JsonOption = False) -> None:
    """Encoder against face_recognition.face_encodings (bar: ≥ 15 times, difference ≤ 1e-5)."""
    from supervision_api.benches.encoder import bench_recognition
    from supervision_api.pipeline.faces import face_setup
    from supervision_api.settings import load_settings

    out = Output(as_json=as_json)
    with failures_told(out):
        _tell(
            out, "encoder beside face_recognition", bench_recognition(face_setup(load_settings()), material)
        )


@group.command("classroom")
def classroom(
    seconds: Annotated[float, typer.Option(min=4, max=600, help="Length of the clip.")] = 60.0,
    seats: Annotated[int, typer.Option(min=2, max=60, help="People in the room.")] = 40,
    detector: Annotated[str, typer.Option(help="auto, yunet or hog, for both sides.")] = "auto",
    as_json: JsonOption = False,
) -> None:
    """The whole job against a plain face_recognition script on the same clip (bar with YuNet: ≥ 20 times)."""
    from supervision_api.benches.classroom import bench_classroom
    from supervision_api.pipeline.faces import face_setup
    from supervision_api.settings import load_settings

    out = Output(as_json=as_json)
    with failures_told(out), out.progress("classroom") as bar:
        setup = replace(face_setup(load_settings()), detector=detector)
        figures = bench_classroom(setup, seconds, seats, bar.done)
        _tell(out, "classroom beside a plain face_recognition script", figures)


@group.command("footage")
def footage(
    seconds: Annotated[float, typer.Option(min=10, max=600, help="Length of the clip.")] = 60.0,
    cameras: Annotated[int, typer.Option(min=2, max=32, help="Recorders for the memory figure.")] = 6,
    as_json: JsonOption = False,
) -> None:
    """Recorder against `ffmpeg -c copy` (bar: ≤ 2 times), and memory per camera (bar: ≤ 15 MB)."""
    from supervision_api.benches.footage import bench_footage

    out = Output(as_json=as_json)
    with failures_told(out), out.progress("footage") as bar:
        _tell(out, "recorder beside ffmpeg -c copy", bench_footage(seconds, cameras, bar.done))


@group.command("playback")
def playback(
    minutes: Annotated[int, typer.Option(min=1, max=240, help="Length of the lesson.")] = 45,
    as_json: JsonOption = False,
) -> None:
    """A lesson over HTTP from the store of the settings: first byte (bar: < 500 ms), seeking, throughput."""
    from supervision_api.benches.playback import bench_playback
    from supervision_api.settings import load_settings

    out = Output(as_json=as_json)
    with failures_told(out), out.progress("playback") as bar:
        _tell(out, "a lesson played over HTTP", bench_playback(load_settings(), minutes, bar.done))


@group.command("verify")
def verify(
    megabytes: Annotated[int, typer.Option(min=16, max=16_384, help="Footage in the bundle, MiB.")] = 1024,
    as_json: JsonOption = False,
) -> None:
    """The verifier against SHA-256 alone, on a bundle of noise (bar: ratio ≥ 0.8)."""
    from supervision_api.benches.verify import bench_verify

    out = Output(as_json=as_json)
    with failures_told(out), out.progress("verify") as bar:
        _tell(out, "verifier beside SHA-256", bench_verify(megabytes, bar.done))


@group.command("upload")
def upload(
    files: Annotated[int, typer.Option(min=1, max=256, help="Segments per round.")] = 12,
    file_mb: Annotated[int, typer.Option(min=1, max=64, help="Size of each, MiB.")] = 16,
    as_json: JsonOption = False,
) -> None:
    """Footage into an S3 test server beside minio's fput_object of one big file (bar: ≥ 0.7)."""
    from supervision_api.benches.upload import bench_upload
    from supervision_api.settings import load_settings

    out = Output(as_json=as_json)
    with failures_told(out), out.progress("upload") as bar:
        _tell(
            out, "uploads beside minio's fput_object", bench_upload(load_settings(), files, file_mb, bar.done)
        )
