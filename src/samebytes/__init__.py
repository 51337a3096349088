"""Reproducible releases for Python: build them, prove them, verify everyone else's."""

__version__ = "0.1.0"
