"""The command line. Fixed: scripts depend on its names, formats and exit codes."""
