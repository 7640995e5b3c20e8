"""Makes the two tables of this example: two interleaved half moons with noise. Standard library only.

Run: python make_data.py
"""

import csv
import math
import random
from pathlib import Path

NOISE = 0.2
TABLES = {"train.csv": (50, 1), "test.csv": (25, 2)}


def main() -> None:
    for name, (per_class, seed) in TABLES.items():
        with (Path(__file__).parent / "data" / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["x", "y", "moon"])
            writer.writerows(points(per_class, random.Random(seed)))


def points(per_class: int, source: random.Random) -> list[list[str]]:
    """As many points of each moon, in mixed order, spread by Gaussian noise."""
    rows = []
    for step in range(per_class):
        angle = math.pi * step / (per_class - 1)
        for moon, x, y in (("upper", math.cos(angle), math.sin(angle)), ("lower", 1 - math.cos(angle), 0.5 - math.sin(angle))):
            rows.append([f"{x + source.gauss(0, NOISE):.3f}", f"{y + source.gauss(0, NOISE):.3f}", moon])
    source.shuffle(rows)
    return rows


if __name__ == "__main__":
    main()
