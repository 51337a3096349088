"""Was a published artifact built from the source that it claims?"""
