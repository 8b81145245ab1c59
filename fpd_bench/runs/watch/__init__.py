"""What people see meanwhile: states, tables of status, the live view, the story of a run.

Door: `state.state_of`, `status_table.table`, `live_view.SweepView`.
It reads files and writes none.
"""
