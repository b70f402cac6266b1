"""Arithmetic on the flat parameters of a pack: inner products, Adam, Gramians, cones."""
