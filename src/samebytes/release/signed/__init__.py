"""Who says what of a release: keys, signed statements, and what follows from them."""
