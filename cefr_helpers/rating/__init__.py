"""Readers' judgements of the sentences: the page that asks them, their votes, and the results."""
