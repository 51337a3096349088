"""``samebytes release``: a module for each of its commands."""
