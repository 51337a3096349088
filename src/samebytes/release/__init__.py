"""A release that several confirm before it is published."""
