"""``rollcall store forecast`` and ``expiring``: what the object store will hold, and will let go."""

from __future__ import annotations

from typing import Annotated

import typer

from supervision_api.cli.output import Output, failures_told

AsJson = Annotated[bool, typer.Option("--json", help="One machine-readable document on stdout.")]


def forecast(as_json: AsJson = False) -> None:
    """How much room footage takes now, in the coming twelve months, and once as much goes as comes."""
    from supervision_api.actions.storage_use import forecast_of
    from supervision_api.pipeline.installation import open_installation
    from supervision_api.reports.storage_report import forecast_document, gigabytes
    from supervision_api.settings import load_settings

    out = Output(as_json=as_json)
    with failures_told(out), open_installation(load_settings()) as house:
        with house.ledger.read() as work:
            found = forecast_of(work, house.clock.now())
        out.document(forecast_document(found))
        if not found.cameras:
            out.line("no camera has footage or lessons yet")
            return
        head = ("camera", "institution", "GB/h", "h/year", "now", "in 12 months", "steady")
        out.line("  ".join(f"{name:>14}" for name in head), style="bold")
        for one in found.cameras:
            rate = "" if one.bytes_per_hour is None else gigabytes(one.bytes_per_hour)
            figures = (one.stored_bytes, one.kept[-1], one.steady_bytes)
            cells = (one.camera_id, one.institution, rate, f"{one.hours_per_year:.0f}")
            out.line("  ".join(f"{cell:>14}" for cell in (*cells, *map(gigabytes, figures))))
        totals = map(gigabytes, (found.stored_bytes, found.kept[-1], found.steady_bytes))
        out.line("  ".join(f"{cell:>14}" for cell in ("all", "", "", "", *totals)), style="bold")


def expiring(
    days: Annotated[
        int, typer.Option(min=0, max=3660, help="From now for so many days; 0: the next calendar month.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Whose footage reaches the end of its retention. Nothing is removed by looking."""
    from supervision_api.actions.storage_use import expiring as expiring_in
    from supervision_api.pipeline.installation import open_installation
    from supervision_api.reports.storage_report import expiring_document, gigabytes
    from supervision_api.settings import load_settings

    out = Output(as_json=as_json)
    with failures_told(out), open_installation(load_settings()) as house:
        with house.ledger.read() as work:
            window, found = expiring_in(work, house.clock.now(), days)
        out.document(expiring_document(window, found))
        out.line(f"{window.begins_at:%Y-%m-%d %H:%M} to {window.ends_at:%Y-%m-%d %H:%M} UTC", style="bold")
        for one in found:
            size = gigabytes(one.size_bytes)
            out.line(f"{one.retain_until:%Y-%m-%d}  {size:>10} GB  {one.lesson_id}  {one.title}")
        if not found:
            out.line("nothing expires")
