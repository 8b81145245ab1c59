"""Coloured shapes with GenEval's six tasks, small enough for a laptop, offline.

Door: `track.ShapesTrack`, `build.build`.
Its detector has no weights and is deterministic; its teacher is rebuilt by a recipe. It never needs a network
connection.
"""
