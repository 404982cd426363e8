"""The pipelines, one per folder. They do not import each other."""
