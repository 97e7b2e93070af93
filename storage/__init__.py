"""Bytes and rows: footage, evidence, database."""
