"""From a sentence bank to examples: reading and cleaning, the split, formatting, the leak audit."""
