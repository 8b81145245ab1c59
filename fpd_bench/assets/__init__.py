"""Published files: which a run needs, their names and hashes, where they lie and where they come from.

Door: `required_files.require`, `environment.weights_place`, `weight_files.contents`, `hub.fetch`.
It never opens a network and never imports torch: a file is told by its first bytes.
"""
