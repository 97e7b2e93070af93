"""Benchmarks: ours beside the usual way, same input, same run, processor time."""
