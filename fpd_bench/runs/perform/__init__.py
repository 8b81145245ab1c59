"""One run in this process: train, sample, evaluate, DONE.

Door: `stages.perform`, `loaded_tracks.Bench`.
A stage whose file is there is skipped, so any attempt can go on. It never decides which runs there are.
"""
