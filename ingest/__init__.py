"""Streams in: sources, recorder, frame bus."""
