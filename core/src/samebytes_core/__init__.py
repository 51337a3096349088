"""Reproducible sdists and wheels inside build backends: for those who never type samebytes."""

__version__ = "0.1.0"
