"""Search of the options of a model: space, study, trials, results."""
