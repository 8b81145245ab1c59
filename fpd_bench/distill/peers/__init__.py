"""Methods of other papers, one file each, trained by the same loop as FPD.

Door: the registry `methods`.
A file says what it computes and what it costs; what it reads is declared in `fpd_bench/registry.py`. It never copies
the authors' code.
"""
