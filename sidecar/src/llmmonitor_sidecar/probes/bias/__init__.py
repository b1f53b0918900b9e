"""Whether an answer changes with what must not matter: one situation told of two people.

`pairs` makes the questions, `book` keeps what came of them. The operator judges (`evaluate/bias.py`).
"""
