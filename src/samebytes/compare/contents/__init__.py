"""How the contents of one member differ: the kinds, and what a person reads."""
