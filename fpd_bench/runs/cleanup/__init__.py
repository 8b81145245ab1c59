"""Finding what no table needs, and removing it.

Door: `collect.plan_cleanup`, `collect.carry_out`; `python -m fpd_bench.clean`.
It never touches a run that somebody works on, and removes a run whole or not at all.
"""
