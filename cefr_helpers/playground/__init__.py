"""The playground notebook: answers to words of one's own, with marks and favourites."""
