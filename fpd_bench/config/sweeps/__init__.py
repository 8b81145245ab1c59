"""A sweep's file -> its tables, and each table's cells with their configurations.

Door: `spec.load_sweep`, `cells.Sweep`, `sweep_names.find_sweep`.
A file is refused before anything runs, in one line that names the place in it. It never looks at a run directory and
never imports torch.
"""
