"""Tables -> figures, as PNG and PDF without dates.

Door: `all_figures.draw`, `image_grid.shown_images`.
It is imported only when figures are wanted, since matplotlib takes longer to import than all the rest. It never
writes a text and never changes a number.
"""
