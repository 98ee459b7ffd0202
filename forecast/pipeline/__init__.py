"""A YAML file, checked, built and run."""
