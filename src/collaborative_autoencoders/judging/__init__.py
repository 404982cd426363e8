"""From lists and predictions to figures with intervals: nothing here meets a network."""
