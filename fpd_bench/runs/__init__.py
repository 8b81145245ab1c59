"""A run's life, from a configuration to DONE, here or on a cluster. The run directory is the truth.

Door: `folder.rundir.RunDir`, `perform.stages.perform`, `execute.sweep_plan.plan_sweep`, `watch.state.state_of`.
It never opens the index: jobs and workers write files only.
"""
