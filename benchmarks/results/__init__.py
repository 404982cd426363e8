"""Published results beside ours: every protocol, five split seeds, one page."""
