"""Tables -> the pages that a browser opens: index.html, a page for each row, and the short index.md.

Door: `index_page.write_page`, `index_page.write_row`, `row_pages.details`, `row_pages.remove_stale`.
It never draws a figure and never works out a number: both come made. Only pictures of single runs are read here.
"""
