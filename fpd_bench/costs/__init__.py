"""What a sweep will cost before it runs: FLOPs, memory and GPU-hours, counted on torch's meta device.

Door: `report.report`, `report.refuse_too_big`.
It never loads weights, runs nothing for real, and knows no method: each tells its own cost.
"""
