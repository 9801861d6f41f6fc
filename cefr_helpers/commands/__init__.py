"""Commands of the terminal: their options, and those that a module of their own keeps out of `cli`."""
