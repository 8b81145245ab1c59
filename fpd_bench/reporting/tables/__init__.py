"""Tables -> texts: what people read (terminal, Markdown, LaTeX) and what programs read (CSV).

Door: `console.show`, `text_frames.main_frame`.
It reads no index and writes no file: it gets a TableResult and gives frames and strings.
"""
