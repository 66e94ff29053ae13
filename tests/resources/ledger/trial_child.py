"""A process that the tests start beside themselves: `python trial_child.py URL SEED` records a trial on command."""

import sys

from memory_trials import a_trial

from learnfinance_dagster.errors import RefusedError
from resources.ledger.trials import SqlTrialRegister

if __name__ == "__main__":
    register = SqlTrialRegister(sys.argv[1])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    try:
        register.record(a_trial(seeds=(int(sys.argv[2]),)))
        sys.stdout.write("recorded\n")
    except RefusedError as error:
        sys.stdout.write(f"{error}\n")
