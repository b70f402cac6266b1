"""Torch modules of the networks that are ones; apart, for their classes need torch to be made."""
