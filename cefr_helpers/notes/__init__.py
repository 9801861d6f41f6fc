"""What people read: a level's results note, its figures, and the final report, from records alone."""
