"""The console: server-rendered pages, their texts in two languages, their static files."""
