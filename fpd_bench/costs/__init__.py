"""What a sweep will cost before it runs: FLOPs, memory and GPU-hours, counted on torch's meta device.

Door: `plan_report.report`, `plan_report.refuse_too_big`.
It never loads weights, runs no network for real, and knows no method: each gives its own cost.
"""
