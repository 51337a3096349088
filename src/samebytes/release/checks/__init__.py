"""What is looked at before a release is signed: tag, files, what is in them, whether it works."""
