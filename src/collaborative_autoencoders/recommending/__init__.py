"""From scores to what is shown: the best items first, seen ones left out."""
