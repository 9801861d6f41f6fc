"""Programs that measure the suite's speed against alternatives and against the machine's limit."""
