"""Show: the pull endpoint on :9101 and the laptop's own page."""
