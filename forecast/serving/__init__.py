"""A fitted forecaster behind HTTP: `forecast serve`. The only package that imports fastapi.

`served` answers questions, in Python's terms; `app` puts it behind routes, `gate` in front of them
turns away what should not reach a model, `server` listens. Nothing a request holds is executed,
written to disk, or answered with a trace.
"""
