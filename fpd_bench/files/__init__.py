"""Files that somebody else wrote: each is read as it was meant, or refused in one line.

Doors: `images.read_rgb` (one picture), `folders.files_below` (which pictures), `text.read_text` and `text.parse`
(JSON), `arrays.member` (one array of an .npz). Never guesses, never hangs, never leaves a file out without a word.
Stands at the bottom of the house: evals, generators and tracks all read through it. Needs no torch.
"""
