"""What those who write a results folder and those who read it share: file names, states of a run, sums of scores.

Door: `layout` (file names, how to read and hash them), `status` (states), `scores` (`overall`, a protocol's id).
It writes nothing, and needs neither torch nor a database.
"""
