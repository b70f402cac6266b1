"""The proof that nothing is lost, twice, swapped or altered."""
