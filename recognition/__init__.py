"""Faces and names."""
