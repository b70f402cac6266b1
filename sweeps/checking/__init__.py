"""The proof that no run is lost, there twice, swapped or altered."""
