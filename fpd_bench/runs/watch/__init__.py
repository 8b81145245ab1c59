"""What people see meanwhile: states, tables of status, the live view, the history of a run.

Door: `state.state_of`, `status_table.status_table`, `live_view.SweepView`.
It reads files and never writes one.
"""
