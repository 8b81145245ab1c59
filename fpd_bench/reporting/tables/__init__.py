"""Tables -> texts: what people read (terminal, Markdown, LaTeX) and what programs read (CSV).

Door: `console.console_text`, `text_frames.frames`, `number_frame.numbers_frame`, `markdown_text.to_markdown`.
It never reads the index and never writes a file: it gets a TableResult and gives frames and strings.
"""
