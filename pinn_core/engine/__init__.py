"""How derivatives travel forward through packed networks, and back to their parameters."""
