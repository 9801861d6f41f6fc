"""What the suite itself is measured by, each run as a process of its own."""
