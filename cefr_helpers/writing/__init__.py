"""Sentences out: from a word list to checked sentences, and from those to a deck, a worksheet, a table, a bank."""
