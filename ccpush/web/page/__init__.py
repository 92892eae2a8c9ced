"""The laptop's own page: what was used, what it cost, and whether all of it arrives."""
