"""How many experts a token uses, by the runtime's own spelling of its policies.

  topk:k=4                          the 4 most probable experts
  top-p:theta=0.7,k_min=1,k_max=6   the fewest experts whose probabilities add up to at least
                                    theta, clipped to k_min..k_max
  relative:t=0.2,k_min=1,k_max=4    the experts whose probability is at least t times the largest,
                                    clipped to k_min..k_max
"""
import numpy as np


class Rule:
    def __init__(self, spec):
        self.spec = spec
        self.kind, _, rest = spec.partition(":")
        self.args = {key: float(value) for key, value in (a.split("=") for a in rest.split(","))}
        if self.kind not in ("topk", "top-p", "relative"):
            raise ValueError(spec)
        # The least distance of a probability from the threshold seen so far: a decision that an
        # engine in less precise arithmetic may take the other way lies near it.
        self.margin = np.inf

    def count(self, probs):
        """probs [T, E] -> k [T]"""
        if self.kind == "topk":
            return np.full(len(probs), int(self.args["k"]))
        falling = -np.sort(-probs, axis=1)
        if self.kind == "top-p":
            value, threshold = np.cumsum(falling, axis=1), self.args["theta"]
            k = 1 + (value < threshold).sum(1)
        else:
            value, threshold = falling / falling[:, :1], self.args["t"]
            k = (value >= threshold).sum(1)
        self.margin = min(self.margin, float(np.abs(value - threshold).min()))
        return np.clip(k, int(self.args["k_min"]), int(self.args["k_max"])).astype(int)
