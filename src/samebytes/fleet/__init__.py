"""Verifies many artifacts: what is named, by whom it is done, and what was found out."""
