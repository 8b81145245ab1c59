"""One run's files and nothing else: reading, writing, claiming.

Door: `rundir.RunDir`, `claims.acquire`, `checkpoints`, `provenance`.
Every file is written whole or not at all. It never trains and never looks at other runs.
"""
