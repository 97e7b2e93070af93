"""``rollcall evidence``: published keys, second signatures, reading footage again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from supervision_api.cli.output import Output, failures_told

if TYPE_CHECKING:
    from storage.signing import PublicKey

group = typer.Typer(help="The evidence log's keys, second signatures, re-hash.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="One machine-readable document on stdout.")]


@group.callback()
def _group() -> None:
    """The evidence log's keys, second signatures, re-hash."""


@group.command("keys")
def keys(
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the public-key documents, one file each.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the log's public keys, first to present, and trusted co-signers; publish their fingerprints."""
    from storage.durable import write_durably
    from storage.evidence_proofs import log_keys
    from storage.log_copy import public_key_bytes
    from supervision_api.pipeline.installation import open_installation
    from supervision_api.settings import load_settings

    output = Output(as_json=as_json)
    with failures_told(output), open_installation(load_settings()) as house:
        with house.ledger.read() as work:
            found = (*log_keys(work.evidence.store, house.settings.origin), *work.cosigners.trusted())
        for key in found:
            output.line(f"{key.name}  {key.fingerprint}{'  (co-signer)' if key.cosigner else ''}")
            if out is not None:
                out.mkdir(parents=True, exist_ok=True)
                write_durably(out / f"{key.key_id.hex()}.json", public_key_bytes(key), mode=0o644)
        output.document({"keys": [key.document() for key in found]})


@group.command("offer")
def offer(
    out: Annotated[Path, typer.Option("--out", help="File to write; hand it to the second party.")],
    since: Annotated[int, typer.Option("--since", min=0, help="Leaves that the party signed last.")] = 0,
    as_json: Json = False,
) -> None:
    """Write the newest checkpoint with the proof that a second party asks for."""
    from models.checkpoint import parse_checkpoint
    from storage.cosigning import make_offer
    from storage.durable import write_durably
    from supervision_api.pipeline.installation import open_installation
    from supervision_api.settings import load_settings

    output = Output(as_json=as_json)
    with failures_told(output), open_installation(load_settings()) as house:
        with house.ledger.read() as work:
            made = make_offer(work.evidence.store, since)
        write_durably(out, made.encode(), mode=0o644)
        size = parse_checkpoint(made.note.text).size
        output.line(f"{size} leaves, from {since} on: {out}")
        output.document({"out": str(out), "old_size": since, "size": size})


@group.command("cosigner")
def cosigner(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The party's name, such as hrss.heze/witness.")],
    key: Annotated[Path, typer.Option("--key", help="Key file to make; it stays with the party.")],
    as_json: Json = False,
) -> None:
    """Make a second party's key; NAME.pub.json beside it goes to the log's owner and to auditors."""
    from storage.cosigning import create_cosigner_key
    from storage.durable import write_durably
    from storage.log_copy import public_key_bytes

    output = Output(as_json=as_json)
    with failures_told(output):
        public = create_cosigner_key(key, name)
        published = key.with_name(f"{key.stem}.pub.json")
        write_durably(published, public_key_bytes(public), mode=0o644)
        output.line(f"{public.name}  {public.fingerprint}")
        output.line(f"keep {key}; hand out {published}")
        output.document({"key": str(key), "published": str(published), "public_key": public.document()})


@group.command("cosign")
def cosign(
    note: Annotated[Path, typer.Argument(metavar="OFFER", help="What `rollcall evidence offer` wrote.")],
    key: Annotated[Path, typer.Option("--key", help="The party's key file; its state lies beside it.")],
    log_keys: Annotated[Path, typer.Option("--log-keys", help="The log's public keys: a file or a folder.")],
    out: Annotated[Path, typer.Option("--out", help="The co-signed note, for the log's owner.")],
    as_json: Json = False,
) -> None:
    """Check that the log continues what this party signed last, and sign it. Needs no installation."""
    from models.checkpoint import parse_checkpoint
    from storage.cosigning import cosign_offer, open_cosigner, parse_offer, read_state, write_state
    from storage.durable import write_durably
    from supervision_api.clock import SystemClock

    output = Output(as_json=as_json)
    with failures_told(output):
        signer, state = open_cosigner(key), key.with_name(f"{key.stem}.last.note")
        last = read_state(state, signer.public_key)
        signed = cosign_offer(
            parse_offer(_bytes(note)), _read_keys(log_keys), signer, last, SystemClock().now()
        )
        write_state(state, signed)
        write_durably(out, signed.encode(), mode=0o644)
        size = parse_checkpoint(signed.text).size
        output.line(f"{size} leaves co-signed as {signer.public_key.name}: {out}")
        output.document({"out": str(out), "size": size, "before": last.size if last else 0})


@group.command("trust")
def trust(
    document: Annotated[Path, typer.Argument(metavar="KEY", help="A second party's public-key document.")],
    by: Annotated[str, typer.Option("--by", help="Who decided it; the log keeps the name.")],
    as_json: Json = False,
) -> None:
    """Take a second party's signatures in from now on."""
    from supervision_api.actions.cosigners import trust_cosigner
    from supervision_api.pipeline.installation import open_installation
    from supervision_api.pipeline.upkeep import checked_name
    from supervision_api.settings import load_settings

    output = Output(as_json=as_json)
    with failures_told(output), open_installation(load_settings()) as house:
        (key,) = _read_keys(document)[:1]
        trust_cosigner(house.ledger, key, checked_name(by))
        output.line(f"trusted: {key.name}  {key.fingerprint}")
        output.document({"public_key": key.document()})


@group.command("import")
def take_in(
    note: Annotated[Path, typer.Argument(metavar="NOTE", help="A co-signed note.")], as_json: Json = False
) -> None:
    """Keep a note that a trusted second party signed; it goes into the store, the console and bundles."""
    from supervision_api.actions import cosigners
    from supervision_api.pipeline.installation import open_installation
    from supervision_api.settings import load_settings

    output = Output(as_json=as_json)
    with failures_told(output), open_installation(load_settings()) as house:
        taken = cosigners.take_in(house.ledger, _bytes(note))
        for one in taken:
            output.line(f"{one.size} leaves co-signed by {one.name} at {one.signed_at:%Y-%m-%d %H:%M:%S} UTC")
        output.document({"cosigned": [{"name": one.name, "size": one.size} for one in taken]})


@group.command("recheck")
def recheck(as_json: Json = False) -> None:
    """Read again, now, footage that the re-hash found wrong (fifty files): after a copy was put back."""
    from datetime import timedelta

    from supervision_api.pipeline.installation import open_installation
    from supervision_api.pipeline.rehashing import Rehasher
    from supervision_api.settings import load_settings

    output = Output(as_json=as_json)
    with failures_told(output), open_installation(load_settings()) as house:
        every = timedelta(days=house.settings.rehash_every_days)
        done = Rehasher(house.ledger, house.store, every).look_again(now_due=True)
        with house.ledger.read() as work:
            wrong = work.rehash.open_findings()
        for one in wrong:
            output.line(f"{one.problem.value}  {one.key}", style="bold red")
        output.line(f"{done.files} files read, {len(wrong)} still wrong")
        output.document({"files": done.files, "wrong": [[one.problem.value, one.key] for one in wrong]})
    if wrong:
        raise typer.Exit(1)


def _bytes(path: Path) -> bytes:
    from models.errors import NotFound

    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFound(f"cannot be read ({error.strerror})", place=str(path)) from None


def _read_keys(place: Path) -> list[PublicKey]:
    from models.canonical_json import parse_json
    from models.errors import KeyUnusable
    from storage.signing import read_public_key

    files = sorted(place.glob("*.json")) if place.is_dir() else [place]
    if not files:
        raise KeyUnusable(
            "no public-key documents here", place=str(place), hint="rollcall evidence keys --out"
        )
    return [read_public_key(parse_json(_bytes(file))) for file in files]
