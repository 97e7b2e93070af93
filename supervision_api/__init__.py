"""The room that wires all others: HTTP, console, command line."""
