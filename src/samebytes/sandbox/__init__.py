"""Confined processes: on another machine for ``check``, without network or host for ``verify``."""
