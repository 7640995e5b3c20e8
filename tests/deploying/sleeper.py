"""A process that applies, and stops at one point of its switch until it may continue: `python -m tests.deploying.sleeper JSON`.

Reads `{root, point, version, before, user}`, and `port` for one with a real server; prints `at POINT` when it is there, continues at a line on standard input, and ends
with the exit code of an apply and its problem on standard error.
"""

import json
import sys
from pathlib import Path

from leptonctl.core.diagnostic import Failure
from tests.deploying import servers
from tests.deploying.toy import binds, destroys, owner, patient, pointers_of, run_switch, switch_of


def main() -> int:
    order = json.loads(sys.argv[1])
    root = Path(order["root"])

    def checkpoint(point: str) -> None:
        if point == order["point"]:
            print(f"at {point}", flush=True)
            sys.stdin.readline()

    try:
        # on another machine: others can judge it only by its beat
        with patient(root, owner(order["user"], host="far"), servers.pointers_of if order["port"] else pointers_of) as claim:
            if order["port"]:
                settings = {"max_body": 4096, "returning": False}
                desired = servers.destroys if order["version"] is None else servers.binds(root, order["version"], order["port"], **settings)
                run_switch(servers.switch_of(root, claim, checkpoint=checkpoint), desired)
            else:
                decide = destroys if order["version"] is None else binds(order["version"], before=order["before"], check=True)
                run_switch(switch_of(root, claim, checkpoint=checkpoint), decide)
    except Failure as failure:
        problem = failure.diagnostics[0]
        print(f"{problem.id}: {problem.detail}", file=sys.stderr)
        return failure.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
