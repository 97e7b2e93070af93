"""What an installation does by itself at intervals: one module per chore, one thread for all."""
