"""What a sweep's tables stand on, as one file that another machine can take into its results.

Door: `pack.pack`, `unpack.unpack`.
It packs no checkpoint and no claim, and unpacks nothing but files of run directories whose hashes the archive names.
"""
