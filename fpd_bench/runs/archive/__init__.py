"""What a sweep's tables stand on, as one file that another machine can take into its results.

Door: `pack.pack`, `unpack.unpack`, `from_evidence.take`.
It never packs a checkpoint or a claim, and never unpacks a file whose hash the archive does not name.
"""
