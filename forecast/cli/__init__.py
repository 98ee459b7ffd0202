"""The command: read arguments, call one function of the pipeline, print."""
