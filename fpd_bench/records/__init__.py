"""What those who write a results folder and those who read it share: file names, states of a run, sums of scores.

Door: `layout` (file names, how to read and hash them), `run_status` (states), `scores` (`overall`, a protocol's id).
It never writes, and never imports torch or opens a database.
"""
