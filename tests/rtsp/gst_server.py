"""A real RTSP server, GStreamer's, for tests. Runs under the system's Python, which has its bindings:

    /usr/bin/python3 gst_server.py CLIP.mp4 [--port N] [--user NAME --password SECRET] [--codec h265]
                                   [--certificate CERT.pem --key KEY.pem]

Serves the clip at ``/cam`` on loopback over TCP and UDP, with a certificate over TLS (rtsps://); each client
gets it from its start, in real time.
Prints ``ready PORT`` when it listens.
"""

import argparse

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtspServer  # noqa: E402

_ELEMENTS = {
    "h264": "h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1",
    "h265": "h265parse ! rtph265pay name=pay0 pt=96 config-interval=-1",
    "mjpeg": "jpegparse ! rtpjpegpay name=pay0 pt=26",
}


def serve(clip: str, codec: str) -> GstRtspServer.RTSPMediaFactory:
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(f'( filesrc location="{clip}" ! qtdemux ! {_ELEMENTS[codec]} )')
    return factory


def protect(
    auth: GstRtspServer.RTSPAuth, factory: GstRtspServer.RTSPMediaFactory, user: str, password: str
) -> None:
    """With ``user`` only that login may watch; without, everybody may (over TLS a role is needed even so)."""
    viewer = GstRtspServer.RTSPToken()
    viewer.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, "viewer")
    if user:
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), viewer)
    else:
        auth.set_default_token(viewer)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("viewer", GstRtspServer.RTSP_PERM_MEDIA_FACTORY_ACCESS, True)
    permissions.add_permission_for_role("viewer", GstRtspServer.RTSP_PERM_MEDIA_FACTORY_CONSTRUCT, True)
    factory.set_permissions(permissions)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("clip")
    parser.add_argument("--port", default="0")
    parser.add_argument("--user", default="")
    parser.add_argument("--password", default="")
    parser.add_argument("--codec", choices=sorted(_ELEMENTS), default="h264")
    parser.add_argument("--certificate", default="")
    parser.add_argument("--key", default="")
    asked = parser.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(asked.port)
    factory = serve(asked.clip, asked.codec)
    if asked.user or asked.certificate:
        auth = GstRtspServer.RTSPAuth()
        protect(auth, factory, asked.user, asked.password)
        if asked.certificate:
            auth.set_tls_certificate(Gio.TlsCertificate.new_from_files(asked.certificate, asked.key))
        server.set_auth(auth)
    server.get_mount_points().add_factory("/cam", factory)
    server.attach(None)
    print(f"ready {server.get_bound_port()}", flush=True)
    GLib.MainLoop().run()


main()
