"""What happens to a table of ratings before any model: clean, core, ids, split, matrices."""
