"""Programs that measure the suite itself, each run as a separate process."""
