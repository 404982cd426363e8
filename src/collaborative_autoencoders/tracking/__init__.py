"""What goes into an MLflow run, and where a run comes from: for hooks and for nodes that track."""
