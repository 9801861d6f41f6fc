"""What readers say of the sentences: the page that asks them, their votes, and what follows from these."""
