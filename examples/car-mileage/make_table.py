"""Turns vega's cars.json into the table of this example. Standard library only; the same file gives the same bytes.

    pip download --no-deps vega_datasets==0.9.0 && unzip vega_datasets-0.9.0-py3-none-any.whl
    python make_table.py vega_datasets/_data/cars.json

Cars without a mileage are left out (there is nothing to learn from them); a missing horsepower stays an empty cell.
"""

import csv
import json
import sys
from pathlib import Path

COLUMNS = {
    "mpg": "Miles_per_Gallon",
    "cylinders": "Cylinders",
    "displacement": "Displacement",
    "horsepower": "Horsepower",
    "weight": "Weight_in_lbs",
    "acceleration": "Acceleration",
    "year": "Year",
    "origin": "Origin",
}


def main() -> None:
    cars = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    with (Path(__file__).parent / "data" / "cars.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for car in cars:
            if car["Miles_per_Gallon"] is not None:
                # a year is written as its first of January
                writer.writerow((car | {"Year": car["Year"][:4]})[key] for key in COLUMNS.values())


if __name__ == "__main__":
    main()
