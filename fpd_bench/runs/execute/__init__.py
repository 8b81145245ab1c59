"""Many runs, anywhere: what a sweep still has to do, and workers on this machine that do it.

Door: `options.split_executor`, `executor.choose_executor`, `sweep_plan.plan_sweep`, `preflight`.
It never trains in its own process unless asked to (`inline`), and never speaks to SLURM.
"""
