"""Where results are: committed atomically, checked when read, one driver at a time."""
