"""Fetches a known network's file on request: from a mirror, an address, a folder or a file.

The content is pinned by SHA-256, so any server will do. What has arrived is kept, and the next try goes on
from there. Nothing is fetched unless asked for by name, and no address is built in.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import httpx

from models.errors import Conflict, InvalidInput, WeightsUnusable
from recognition.atomic_files import publish, unwritable
from recognition.weights import InstalledModel, KnownModel, add_model, installed_line, sha256_of

Progress = Callable[[int, int], None]
"""Told bytes so far and bytes in all."""


def pull_model(
    folder: Path,
    model: KnownModel,
    source: str,
    *,
    progress: Progress | None = None,
    timeout_s: float = 30.0,
) -> InstalledModel:
    """The model's file, checked and in its place in the weights folder.

    Args:
        folder: the weights folder, created when missing.
        model: what to fetch.
        source: address of the file, or of a folder that holds it (ending in ``/``), with http or https; or
            the path of a file or folder on this machine. Empty is refused with advice.
        progress: called as bytes arrive.
        timeout_s: longest silence of a server.

    Raises:
        InvalidInput: no source, or one of another kind; or the model comes with a package.
        WeightsUnusable: could not be fetched (what arrived is kept), or its content is another.
        Conflict: another pull of the same model is running.
        StorageError: the folder cannot be written.
    """
    if model.package:
        raise InvalidInput(
            f"{model.name} comes with the package {model.package}", hint="there is nothing to pull"
        )
    ready = installed_line(model, folder)
    if ready is not None:
        return ready
    if not source:
        raise InvalidInput(
            f"no place to take {model.name} from",
            hint=f"add --from with an address, file or folder that has {model.file_name} ({model.homepage}), "
            "or set a mirror",
        )
    scheme, is_address, _ = source.partition("://")
    if is_address and scheme.lower() in ("http", "https"):
        address = source + model.file_name if source.endswith("/") else source
        _fetch(folder, model, address, progress or _silent, timeout_s)
        return _line_of(folder, model)
    if is_address:
        raise InvalidInput(
            f"{scheme}:// is no source that is understood", hint="use http://, https:// or a path"
        )
    return _take_local(folder, model, Path(source))


def _silent(_done: int, _total: int) -> None:
    return None


def _line_of(folder: Path, model: KnownModel) -> InstalledModel:
    line = installed_line(model, folder)
    if line is None:
        raise WeightsUnusable("vanished after it was fetched", place=str(folder), hint="try again")
    return line


def _take_local(folder: Path, model: KnownModel, path: Path) -> InstalledModel:
    if path.is_dir():
        path = path / model.file_name
    if sha256_of(path) != model.sha256:
        raise _other_content(model, str(path))
    return add_model(folder, path)


def _fetch(folder: Path, model: KnownModel, address: str, progress: Progress, timeout_s: float) -> None:
    """Downloads into a part file, going on where an earlier try stopped, then publishes it."""
    part = folder / f".{model.file_name}.part"
    shown = _without_secrets(address)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(part, model) as file:
            resumed = file.seek(0, 2) > 0
            _download(file, address, model, progress, timeout_s)
            if resumed and sha256_of(part) != model.sha256:
                # The earlier part may have been of another file: once more from the start.
                file.truncate(0)
                _download(file, address, model, progress, timeout_s)
            if sha256_of(part) != model.sha256:
                part.unlink()
                raise _other_content(model, shown)
            publish(part, folder / model.file_name)
    except OSError as exc:
        raise unwritable(folder, exc) from None


@contextmanager
def _locked(part: Path, model: KnownModel) -> Iterator[BinaryIO]:
    with part.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(
                f"another pull of {model.name} is running", place=str(part), hint="wait until it is done"
            ) from None
        yield file


def _download(file: BinaryIO, address: str, model: KnownModel, progress: Progress, timeout_s: float) -> None:
    """Appends what is missing. A server that knows no ranges sends all, and all is taken anew."""
    done = file.seek(0, 2)
    if done >= model.size_bytes:
        return
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={done}-"} if done else {})
    try:
        with httpx.stream(
            "GET", address, headers=headers, timeout=timeout_s, follow_redirects=True
        ) as response:
            if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                # What lies here is longer than the server's file, so it is not the beginning of it.
                file.truncate(0)
            _check_status(response, model, address)
            if not _continues(response, done):
                file.truncate(0)
                done = 0
            for chunk in response.iter_raw():
                done += len(chunk)
                if done > model.size_bytes:
                    file.truncate(0)
                    raise _other_content(model, _without_secrets(address))
                file.write(chunk)
                progress(done, model.size_bytes)
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise _not_fetched(model, address, type(exc).__name__) from None
    finally:
        file.flush()
    if done < model.size_bytes:
        raise _not_fetched(model, address, f"{done} of {model.size_bytes} bytes came")


def _check_status(response: httpx.Response, model: KnownModel, address: str) -> None:
    if response.status_code not in (200, 206):
        raise _not_fetched(model, address, f"the server answered {response.status_code}")


def _continues(response: httpx.Response, done: int) -> bool:
    """Whether the body starts where we stopped (RFC 9110, section 14.4)."""
    if response.status_code != 206:
        return False
    content_range: str = response.headers.get("Content-Range", "")
    return content_range.startswith(f"bytes {done}-")


def _not_fetched(model: KnownModel, address: str, cause: str) -> WeightsUnusable:
    return WeightsUnusable(
        f"{model.name} could not be fetched: {cause}",
        place=_without_secrets(address),
        hint="run it again to go on from there, or name another source with --from",
    )


def _other_content(model: KnownModel, place: str) -> WeightsUnusable:
    return WeightsUnusable(
        f"what is there is not {model.name}: its size or SHA-256 is another",
        place=place,
        hint="nothing was kept; name another source with --from",
    )


def _without_secrets(address: str) -> str:
    """Host and path: a user name, password or token in the address is not for a message."""
    try:
        parts = urlsplit(address)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "the address"
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"
