"""Comparisons as text, JSON and HTML."""
