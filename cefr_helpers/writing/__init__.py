"""Write checked sentences for a word list, and make a deck, a worksheet, a table or a bank of them."""
