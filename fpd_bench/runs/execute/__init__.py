"""Many runs, anywhere: what a sweep still has to do, and workers on this machine that do it.

Door: `sweep_plan.plan`, `sweep_plan.carry_out`, `options.split_executor`.
It never trains in its own process unless asked to (`inline`), and never speaks to SLURM.
"""
