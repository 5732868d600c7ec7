"""Models learned from conversions: conditions of our own language, asked as of past dates, weighed by what came of it.

Nothing imports `learn` but who learns: it brings scikit-learn with it (about 1 s and 100 MB).
"""
