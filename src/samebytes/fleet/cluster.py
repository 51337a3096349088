"""A Dask cluster as an engine."""
