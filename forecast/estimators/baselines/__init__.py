"""Reference models, one a file: what any network has to beat."""
