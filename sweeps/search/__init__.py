"""Which runs a study makes: searches through Optuna, and the choice of the best."""
