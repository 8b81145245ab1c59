"""Many runs in batch jobs. The only place that speaks to SLURM, and the only user of submitit.

Door: `batch_sweep`, `follow`, `scheduler`.
Whoever follows jobs may leave and come back: everything is in files. It never ends a job that is not ours.
"""
