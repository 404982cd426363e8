"""What made the files in data/, and which run is writing them."""
