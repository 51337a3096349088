"""From a published artifact and its source to the recipes that may have made it."""
