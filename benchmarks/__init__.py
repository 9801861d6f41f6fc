"""Programs that measure the suite against what a user would take instead, and against the machine's limit."""
