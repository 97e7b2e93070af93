"""``rollcall camera``: try a camera before a lesson depends on it."""

from __future__ import annotations

from typing import Annotated

import typer

from supervision_api.cli.output import Output, failures_told

group = typer.Typer(help="Cameras.", no_args_is_help=True)


@group.callback()
def _group() -> None:
    """Cameras."""


@group.command("probe")
def probe(
    url: Annotated[str, typer.Argument(help="rtsp(s)://, rtmp://, http(s)://….m3u8 or a file.")],
    seconds: Annotated[float, typer.Option(min=1, max=120, help="How long to watch.")] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="One machine-readable document on stdout.")] = False,
) -> None:
    """Codec, size, keyframe interval, clock drift, and advice. The password is never shown."""
    from ingest.camera import CameraConfig
    from ingest.probe import probe as probe_camera
    from supervision_api.clock import SystemClock
    from supervision_api.settings import load_settings

    out = Output(as_json=as_json)
    with failures_told(out), out.progress("watching") as bar:
        camera = CameraConfig("probe", url, ca_file=load_settings().camera_ca_file)
        report = probe_camera(camera, SystemClock(), seconds=seconds, progress=bar.done)
        document = report.document()
        for name, value in document.items():
            if name != "advice":
                out.line(f"{name.replace('_', ' '):<26} {value}")
        for line in report.advice:
            out.line(f"→ {line}", style="yellow")
        out.document(document)
