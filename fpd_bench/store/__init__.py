"""The index of all runs, in SQLite or PostgreSQL: made from the run directories, and from nothing else.

Door: `ingest.ingest`, `query.Store`; `python -m fpd_bench.store`.
It can be deleted and rebuilt at any time. It never writes a run directory and never imports torch.
"""
