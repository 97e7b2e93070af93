"""How each kind of address is opened: FFmpeg options with time-outs and narrow whitelists."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import cache

import av

from ingest.address import RTSP_SCHEMES, TLS_SCHEMES, Scheme, StreamAddress
from models.policy import RecordingPolicy

# A playlist or a file decides what its demuxer opens next. The whitelist is inherited by those inner opens,
# so an HLS playlist cannot reach ``file:``, and a local file cannot reach the network.
_PROTOCOLS: Mapping[Scheme, str] = {
    Scheme.RTSP: "rtsp,rtp,tcp,udp",
    Scheme.RTSPS: "rtsps,rtsp,rtp,tcp,tls,udp",
    Scheme.RTMP: "rtmp,tcp",
    Scheme.RTMPS: "rtmps,rtmp,tls,tcp",
    Scheme.HTTP: "http,https,tcp,tls,crypto",
    Scheme.HTTPS: "https,tls,tcp,crypto",
    Scheme.FILE: "file",
}

_SOCKET_SLACK = timedelta(seconds=2)

_HLS_FORMATS = "hls,mpegts,mov,mp4,aac,mp3,ac3,webvtt"

# Demuxers that open other addresses, make pictures out of text, or read single pictures.
_NO_LESSON = frozenset(
    {
        *("hls", "dash", "concat", "sdp", "rtsp", "rtp", "sap", "imf", "webm_dash_manifest", "lavfi"),
        *("image2", "image2pipe", "ico", "apng", "webp", "tty", "bin", "xbin", "adf", "idf", "ffmetadata"),
        *("ass", "srt", "webvtt", "subviewer", "subviewer1", "microdvd", "realtext", "sami", "tedcaptions"),
        *(
            "vplayer",
            "jacosub",
            "mpsub",
            "stl",
            "lrc",
            "pjs",
            "mpl2",
            "aqtitle",
            "scc",
            "mcc",
            "sup",
            "vobsub",
        ),
        *("data", "s337m", "video4linux2", "v4l2", "alsa", "fbdev", "x11grab", "xcbgrab", "kmsgrab", "oss"),
        *("iec61883", "jack", "openal", "pulse", "sndio"),
    }
)


def open_options(
    address: StreamAddress, policy: RecordingPolicy, *, with_audio: bool = False
) -> dict[str, str]:
    """FFmpeg's options for one address. ``with_audio``: ask for sound as well (a probe wants to see it)."""
    options = {"protocol_whitelist": _PROTOCOLS[address.scheme]}
    if address.live:
        # Less probing than FFmpeg's five seconds: a lesson should not wait for an exact frame rate.
        options |= {"analyzeduration": "2000000", "probesize": "4000000", "fpsprobesize": "2"}
    if address.scheme in TLS_SCHEMES and address.ca_file is not None:
        options |= {"ca_file": str(address.ca_file), "tls_verify": "1"}
    if address.scheme in RTSP_SCHEMES:
        options |= _rtsp_options(address, policy, with_audio)
    elif address.scheme in {Scheme.HTTP, Scheme.HTTPS}:
        # The newest piece first: older ones were filmed before the recorder was asked to record.
        options |= {"format_whitelist": _HLS_FORMATS, "live_start_index": "-1"}
    elif address.scheme in {Scheme.RTMP, Scheme.RTMPS}:
        options |= {"rtmp_live": "live", "format_whitelist": "flv,live_flv"}
    else:
        options |= {"format_whitelist": file_formats()}
    return options


def _rtsp_options(address: StreamAddress, policy: RecordingPolicy, with_audio: bool) -> dict[str, str]:
    # Longer than PyAV's own time-outs, so that it is always those that end a wait: FFmpeg calls a camera that
    # does not answer invalid data, and only who measured the wait knows better.
    longest = max(policy.open_timeout, policy.read_timeout) + _SOCKET_SLACK
    options = {
        "rtsp_transport": address.transport.value,
        "timeout": str(longest // timedelta(microseconds=1)),
    }
    if not with_audio:
        # Sound is not recorded (necessity); without it a dead picture cannot hide behind living sound.
        options["allowed_media_types"] = "video"
    return options


@cache
def file_formats() -> str:
    """Names of all demuxers a lesson's video file may have, comma separated."""
    names = {name for entry in av.formats_available for name in entry.split(",")}
    return ",".join(sorted(name for name in names - _NO_LESSON if not name.endswith("_pipe")))
