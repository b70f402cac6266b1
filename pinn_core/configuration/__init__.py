"""What a run is: its parts, what it records, and its name."""

from pinn_core.configuration.configuration import Configuration, canonical_json, families
from pinn_core.configuration.naming import RULE, run_id
from pinn_core.configuration.record import Record

__all__ = ["RULE", "Configuration", "Record", "canonical_json", "families", "run_id"]
