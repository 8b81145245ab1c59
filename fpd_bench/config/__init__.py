"""What a run is: the schema, sweep files, overrides, and the run's name.

Door: `sweeps.spec.load_sweep`, `searches.search_spec.load_search`, `check.check`, `identity.run_id`,
`yaml_text.from_yaml`.
A field's meaning, unit, choices and range stand in `schema` and the `*_fields` it is made of, and nowhere else. It
never imports torch; `check` looks at no file (`availability` does).
"""
