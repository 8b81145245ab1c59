"""Images of models that nothing here has trained: folders and pipelines of diffusers.

Door: the registry `generators`; `base.Generator`.
It never trains and never scores.
"""
