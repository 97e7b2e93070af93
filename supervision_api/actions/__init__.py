"""What people do through API and console: one function per act, one unit of work per record and its leaf."""
