"""Makes the table of this example: short messages to a support desk, put together from `phrases.json`. Standard library only.

Run: python make_data.py
"""

import csv
import json
import random
from pathlib import Path

HERE = Path(__file__).parent
TOPICS = ("account", "delivery", "payment")


def main() -> None:
    languages = json.loads((HERE / "phrases.json").read_text(encoding="utf-8"))
    source = random.Random(1)
    rows = [[message, topic] for phrases in languages.values() for topic in TOPICS for message in messages(phrases, topic, source)]
    source.shuffle(rows)
    with (HERE / "data" / "messages.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["message", "topic"])
        writer.writerows(rows)


def messages(phrases: dict[str, list[str]], topic: str, source: random.Random) -> list[str]:
    """Every subject of the topic with every problem, so that only the subject tells the topic."""
    texts = []
    for subject in phrases[topic]:
        for problem in phrases["problems"]:
            text = f"{source.choice(phrases['openers'])} {subject} {problem} {source.choice(phrases['endings'])}"
            texts.append(text.replace("{n}", str(source.randrange(1000, 10000))))
    return texts


if __name__ == "__main__":
    main()
