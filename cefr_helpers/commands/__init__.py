"""The commands of the terminal: their options, and the larger ones, each in its own module."""
