"""``python -m benchmarks.calibration``: measure the coverage of every method."""

from benchmarks.calibration.coverage import REPETITIONS, SEEDS, measure
from benchmarks.command import main

if __name__ == "__main__":
    whole = {"nargs": "+", "type": int, "default": SEEDS, "help": "sample sizes"}
    often = {"type": int, "default": REPETITIONS, "help": "samples of each size"}
    main("calibration", measure, options={"seeds": whole, "repetitions": often})
