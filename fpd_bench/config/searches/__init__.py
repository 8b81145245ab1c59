"""A search's file -> its space, its budget, and the sweeps that try and confirm.

Door: `search_spec.load_search`, `search_file.is_search`.
It says what may be tried and never what was: trials are read from the index by `searching`. It never imports torch.
"""
