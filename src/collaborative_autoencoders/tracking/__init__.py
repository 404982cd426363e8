"""What is logged in an MLflow run, where a run comes from, and files shared by processes."""
