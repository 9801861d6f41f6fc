"""Programs that measure peers, each in its own environment, whose .txt file pins every package."""
