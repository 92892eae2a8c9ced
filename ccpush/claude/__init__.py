"""Read: what Claude Code writes on disk. Never writes there, never keeps text."""
