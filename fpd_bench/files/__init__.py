"""Files that somebody else wrote: each is read as it was meant, or refused in one line.

Door: `images.read_rgb` (one picture), `folders.files_below` (which pictures), `arrays` (an .npz), `text` (JSON, seals).
It never guesses, never hangs, never leaves a file out without a word, and never imports torch.
"""
