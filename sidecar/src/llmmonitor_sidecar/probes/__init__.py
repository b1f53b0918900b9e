"""Asks the model questions whose right answers are known, and grades what comes back.

`schedule` says what is due, `gate` whether it may be sent now, `ask` sends it past the relay, `verdict`
judges the answer by rules (`grading`) and by other models (`embedding`, `judge`), `standing` keeps what was
found for the report; `prober` puts them together. `canary` asks by what another model is told.
"""
