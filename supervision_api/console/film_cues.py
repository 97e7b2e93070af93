"""Where a film stands still because nothing was recorded: as values, and as captions (WebVTT)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from models.footage import Gap
from models.timeline import Interval, difference
from storage.playback.film import Film
from storage.playback.sample_index import SampleIndex
from supervision_api.console import phrases
from supervision_api.console.i18n import N_, Language

_LEAST = timedelta(milliseconds=250)
_NOTHING = N_("No footage: %(cause)s, %(from)s–%(to)s. The picture stands still.")
_UNKNOWN = N_("cause not declared")


@dataclass(frozen=True, slots=True)
class Silence:
    """Time of a film without footage. ``cause``: a gap's cause, or empty where none was declared."""

    interval: Interval
    start_s: float
    end_s: float
    cause: str


def silences_of(film: Film, gaps: Sequence[Gap]) -> tuple[Silence, ...]:
    """Every stretch of the film in which nothing was recorded, with the declared cause. Pure."""
    shown = [
        Interval(cut.starts_at, cut.starts_at + _length(cut.part.index, cut.first, cut.last))
        for cut in film.parts
    ]
    holes = difference([Interval(film.starts_at, film.ends_at)], shown)
    return tuple(
        Silence(
            hole,
            (hole.starts_at - film.starts_at).total_seconds(),
            (hole.ends_at - film.starts_at).total_seconds(),
            _cause(hole, gaps),
        )
        for hole in holes
        if hole.duration >= _LEAST
    )


def captions(film: Film, gaps: Sequence[Gap], language: Language) -> str:
    """The silences as WebVTT: a caption says why the picture stands still."""
    blocks = ["WEBVTT"]
    for silence in silences_of(film, gaps):
        values = {
            "cause": gap_cause(silence.cause, language),
            "from": language.clock_s(silence.interval.starts_at),
            "to": language.clock_s(silence.interval.ends_at),
        }
        text = language.text_of(_NOTHING, values)
        blocks.append(f"{_stamp(silence.start_s)} --> {_stamp(silence.end_s)}\n{text}")
    return "\n\n".join(blocks) + "\n"


def gap_cause(cause: str, language: Language) -> str:
    """A gap's cause in words."""
    return phrases.say_label(language, "gap_cause", cause) if cause else language.text(_UNKNOWN)


def _length(index: SampleIndex, first: int, last: int) -> timedelta:
    shown = index.shown_at[first:last]
    ticks = int((shown + index.durations[first:last]).max() - shown[0])
    return timedelta(seconds=ticks / index.timescale)


def _cause(hole: Interval, gaps: Sequence[Gap]) -> str:
    """The cause of the declared gap that covers most of the hole."""
    shared = [(min(gap.ends_at, hole.ends_at) - max(gap.starts_at, hole.starts_at), gap) for gap in gaps]
    longest, best = max(shared, key=lambda pair: pair[0], default=(timedelta(), None))
    return best.cause.value if best is not None and longest > timedelta() else ""


def _stamp(seconds: float) -> str:
    whole_ms = round(seconds * 1000)
    minutes, ms = divmod(whole_ms, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{ms // 1000:02d}.{ms % 1000:03d}"
