"""Builds again under changed conditions, and finds what each difference comes from."""
