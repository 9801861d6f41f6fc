"""What others are measured by, each run in its own environment, of which the .txt file pins every package."""
