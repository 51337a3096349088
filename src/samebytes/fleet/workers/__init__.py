"""Who does the work: local processes, or a Dask cluster."""
