"""What goes wrong, as one exception."""


class CoreError(Exception):
    """The project, its tree or its settings do not allow a reproducible build; says why."""
