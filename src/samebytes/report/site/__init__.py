"""What a store holds as static files that any web server serves."""
