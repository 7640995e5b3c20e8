#!/bin/sh
# The main job from end to end, in a copy of the spam example: apply, one prediction over HTTP, a new version, the way back.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
PATH="$here/../.venv/bin:$PATH"
work=$(mktemp -d)
trap 'leptonctl -C "$work" destroy --yes >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
cp -r "$here/spam-filter/." "$work"
cd "$work"

say() { printf '\n\033[1m%s\033[0m\n' "$1"; }

say '1. What would happen?   $ leptonctl plan'
leptonctl plan

say '2. Do it.   $ leptonctl apply --yes'
leptonctl apply --yes

say '3. Ask the model in prod over HTTP, with the first mail of the table.'
python3 - <<'ASK'
import csv, json, urllib.request

with open("data/mail-2002-07.csv", encoding="utf-8") as table:
    mail = next(csv.DictReader(table))
for name in ("is_spam", "month"):
    del mail[name]
inputs = [{"name": name, "datatype": "FP32", "shape": [1], "data": [float(value)]} for name, value in mail.items()]
request = urllib.request.Request(
    "http://127.0.0.1:18081/v2/models/spam-filter/infer",
    data=json.dumps({"inputs": inputs}).encode(),
    headers={"Content-Type": "application/json"},
)
with urllib.request.urlopen(request, timeout=10) as answer:
    print(json.dumps(json.load(answer), indent=1))
ASK

say '4. Promote v2 from staging to prod: the gates decide.   $ leptonctl promote spam-filter staging prod --yes'
leptonctl promote spam-filter staging prod --yes

say '5. And back: nothing is trained.   $ leptonctl rollback prod --yes'
leptonctl rollback prod --yes

say '6. Who serves what, and since when?   $ leptonctl status'
leptonctl status
