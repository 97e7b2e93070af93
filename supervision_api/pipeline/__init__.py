"""The way of the data: recorders, recogniser, attendance, evidence, wired together."""
