"""The playground notebook: answers to the user's own words, with marks and favourites."""
