"""What a search tells of its hyperparameters: importances, effects, regimes, survival.

`searched` makes the table of a model's search that the other modules read.
"""
