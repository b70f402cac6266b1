"""MLflow: written by one thread of the driver, rebuilt from the store at any time."""
