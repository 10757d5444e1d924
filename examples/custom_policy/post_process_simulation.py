"""Tell how many traps were simulated and which share of them holds the ion; nobody waits for this."""

import json

import samples

_, stable = samples.load()
print(json.dumps({"simulated": len(stable), "stable_share": float(stable.mean())}))
