"""The published results and ours: every protocol, five split seeds, one page."""
