"""setuptools → hatchling, proved by comparing what both build."""
