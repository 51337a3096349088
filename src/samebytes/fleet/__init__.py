"""Verifies many artifacts: what a lock file names, and what was found out about it."""
