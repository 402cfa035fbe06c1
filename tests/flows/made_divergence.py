"""Made networks for searches: divergences and energies of settings in closed form."""

import numpy as np


def made_divergence(layers, precisions, seed):
    """Return a divergence that grows with every lowered layer, some pairs together, and energies.

    Sensitivities and energies of layers are spread over decades, as those of networks are.
    """
    rng = np.random.default_rng(seed)
    sensitivity = np.exp(rng.normal(-3.3, 1.2, layers))
    pairs = np.abs(rng.normal(0, 0.1, (layers, layers))) * np.sqrt(
        np.outer(sensitivity, sensitivity)
    )

    def divergence(settings):
        return settings @ sensitivity + np.einsum("ci,ij,cj->c", settings, pairs, settings)

    full = np.exp(rng.normal(0, 1, layers)) * 1e-6
    return divergence, full[:, None] * (1 - 0.3 * np.arange(precisions))


class Counted:
    """A divergence that counts, and remembers what it was asked."""

    def __init__(self, divergence, fail_at=None):
        self.divergence = divergence
        self.asked = []
        self.fail_at = fail_at

    def __call__(self, settings):
        if self.fail_at is not None and len(self.asked) + len(settings) > self.fail_at:
            raise KeyboardInterrupt
        self.asked += [tuple(item) for item in settings.tolist()]
        return self.divergence(settings)
