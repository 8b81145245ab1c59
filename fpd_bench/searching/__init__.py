"""The study that is derived from the index: what has been tried, what to try next, and what the winner is worth.

Door: `rounds.Rounds`, `preview.preview`, `winner_worth.worth`, `study_page.write_study`, `optuna_storage.export`.
A trial is a run like any other, so a search is a sweep whose next cells depend on the index. It keeps no state of its
own, writes nothing but run directories (and, when asked, a report), and never reads a score of a report's suite
before the winner is chosen: `answered_runs` makes that a matter of types.
"""
