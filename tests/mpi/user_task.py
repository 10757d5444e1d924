"""An executable such as a user would write; its first argument says what it does."""

import json
import os
import sys
import time
from pathlib import Path


def main(what, *words):
    if what == "sleep":
        time.sleep(float(words[0]))
    elif what == "environment":
        names = ("ROSE_LEARNER", "ROSE_ITERATION", "ROSE_INDEX", "ROSE_SEED", "OMP_NUM_THREADS", "MARK")
        print(json.dumps({name: os.environ[name] for name in names} | {"cwd": str(Path.cwd())}))
    elif what == "fail":
        print("the reason is written here", file=sys.stderr)
        sys.exit(3)
    elif what == "flaky":
        sys.exit(0 if os.environ["ROSE_ATTEMPT"] == words[0] else 1)
    elif what == "accuracy":
        print(json.dumps({"model_accuracy": float(words[0]) + 0.1 * int(os.environ["ROSE_ITERATION"])}))
    elif what == "predict":
        import numpy as np
        from user_functions import probabilities

        environ = os.environ
        array = probabilities(
            environ["ROSE_MODEL"], int(environ["ROSE_INDEX"]), int(environ["ROSE_ITERATION"])
        )
        np.save(environ["ROSE_RESULT"] + ".npy", array)
    elif what == "uncertain":
        print(json.dumps({"doubt": 0.5, "indices": [4, 1 + int(os.environ["ROSE_ITERATION"])]}))
    elif what == "selection":
        import numpy as np

        path = os.environ.get("ROSE_SELECTED")
        print(json.dumps(np.load(path)["indices"].tolist() if path else None))


main(*sys.argv[1:])
