"""``rollcall models``: the networks' weight files. Nothing is ever downloaded unasked."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from supervision_api.cli.output import Output, failures_told

if TYPE_CHECKING:
    from recognition.weights import InstalledModel

group = typer.Typer(help="Weights of the networks.", no_args_is_help=True)
JsonOption = Annotated[bool, typer.Option("--json", help="One machine-readable document on stdout.")]


def _document(model: InstalledModel) -> dict[str, object]:
    return asdict(model) | {"path": str(model.path), "state": model.state.value}


@group.command("list")
def list_installed(as_json: JsonOption = False) -> None:
    """Which networks are known, installed, missing or altered."""
    from recognition.weights import list_models
    from supervision_api.pipeline.faces import face_setup
    from supervision_api.settings import load_settings

    out = Output(as_json=as_json)
    with failures_told(out):
        models = list_models(*face_setup(load_settings()).weights_dirs)
        for model in models:
            out.line(f"{model.name:<14} {model.state.value:<8} {model.size_bytes:>11,} B  {model.use}")
            out.line(f"{'':<14} {model.path}", style="dim")
        out.document({"models": [_document(model) for model in models]})


@group.command("add")
def add(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The weight file.")],
    name: Annotated[
        str | None, typer.Option(help="A name of your own, for a network that Rollcall does not know.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Take a local weight file into the data folder, checked by its SHA-256."""
    from recognition.weights import add_model
    from supervision_api.settings import load_settings

    out = Output(as_json=as_json)
    with failures_told(out):
        model = add_model(load_settings().models_dir, file, custom_name=name)
        out.line(f"{model.name} is installed: {model.path}")
        out.document(_document(model))


@group.command("pull")
def pull(
    name: Annotated[str, typer.Argument(help="A known network, for example yunet.")],
    source: Annotated[
        str, typer.Option("--from", help="Address, folder or file; else the setting ROLLCALL_WEIGHTS_MIRROR.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Fetch a known network from a place you name; resumes, and checks the pinned SHA-256."""
    from recognition.weights import known_model
    from recognition.weights_pull import pull_model
    from supervision_api.settings import load_settings

    out = Output(as_json=as_json)
    with failures_told(out), out.progress(f"pulling {name}") as bar:
        settings = load_settings()
        model = pull_model(
            settings.models_dir,
            known_model(name),
            source or settings.weights_mirror,
            progress=lambda done, whole: bar.done(done / whole if whole else 0.0),
        )
        out.line(f"{model.name} is installed: {model.path}")
        out.document(_document(model))
