"""sdists and wheels as members: reading, unpacking and the canonical writer."""
