"""The index -> tables, figures and a page.

Door: `write.write_report`, `tables.console.console_text`, `results.table_result`.
It never opens a run directory, never trains, and never imports torch. Equal data give equal bytes.
"""
