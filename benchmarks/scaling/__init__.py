"""How time, memory and cost grow past one machine: what docs/scaling.md says, measured and simulated."""
