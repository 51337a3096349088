"""The package index: what it lists, downloaded and checked; what it says about publishers."""
