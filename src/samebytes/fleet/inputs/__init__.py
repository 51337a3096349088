"""What an audit is told to look at: lock files, lists of projects, releases."""
