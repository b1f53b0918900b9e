"""Asks the model questions whose right answers are known, and grades what comes back.

`schedule` says what is due, `gate` whether it may be sent now, `ask` sends it past the relay, `grading`
judges the answer, `standing` keeps what was found for the report; `prober` puts them together.
"""
