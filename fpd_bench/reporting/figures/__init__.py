"""Tables -> figures, as PNG and PDF without dates.

Door: functions that take a table and a file name without ending; each returns the PNG's path, or None where nothing
can be drawn yet.
It writes no text file, and it is imported only when figures are wanted: matplotlib takes longer to import than all the
rest.
"""
