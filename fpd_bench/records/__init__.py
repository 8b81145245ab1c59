"""The names of the files in a results folder, and how to read them: what writers and readers share.

Door: `layout`.
It writes nothing, and needs neither torch nor a database.
"""
