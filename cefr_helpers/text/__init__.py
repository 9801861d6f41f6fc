"""English: words and their forms, near-duplicates, vocabulary by level, grammar, n-grams."""
