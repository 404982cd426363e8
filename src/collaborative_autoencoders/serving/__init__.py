"""A fitted model as an MLflow pyfunc: raw ids in, ranked titles out."""
