"""Datasets of the catalog: MovieLens downloads, fabricated tables and the files that runs write."""
