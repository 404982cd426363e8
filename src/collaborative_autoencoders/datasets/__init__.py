"""How the catalog reaches what lies on disk: data that arrives by itself, and files of our own."""
