"""The audit itself: plans ahead, has workers verify, survives what dies."""
