"""Tables -> the pages that a browser opens: index.html, a page for each row, and the short index.md.

Door: `index_page.write_page`, `row_pages.details`, `row_pages.write`.
It draws no figure and works out no number: tables and figures come made, only pictures of single runs are read here.
"""
