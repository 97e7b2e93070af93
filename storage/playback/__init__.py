"""Playback: recorded segments put together as one film, without re-encoding and without building a file."""
