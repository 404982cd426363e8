"""What happens, in which order: a folder per pipeline, none of which sees another."""
