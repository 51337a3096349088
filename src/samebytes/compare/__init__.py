"""Two artifacts compared: what differs, what explains it, and what may be claimed."""
