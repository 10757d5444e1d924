"""A network with one hidden layer, trained by stochastic gradient descent with momentum."""

import numpy as np

HIDDEN = 64
MOMENTUM = 0.9


class Network:
    """Maps points ``[n, features]`` to heights ``[n]``."""

    def __init__(self, weights: list[np.ndarray]) -> None:
        self.weights = weights

    @classmethod
    def random(cls, features: int, rng: np.random.Generator) -> "Network":
        """Untrained weights."""
        hidden = rng.normal(0, 2 / np.sqrt(features), (features, HIDDEN))
        return cls([hidden, rng.uniform(-1, 1, HIDDEN), np.zeros(HIDDEN), np.zeros(1)])

    @classmethod
    def load(cls, iteration: int) -> "Network":
        """The network that an iteration's training has left."""
        with np.load(f"network-{iteration}.npz") as arrays:
            return cls([arrays[name] for name in arrays.files])

    def save(self, iteration: int) -> None:
        """Keep the network; one for each iteration, so that training can be repeated."""
        np.savez(f"network-{iteration}.npz", *self.weights)

    @property
    def features(self) -> int:
        """Dimensions of a point."""
        return len(self.weights[0])

    def predict(self, points: np.ndarray) -> np.ndarray:
        """Heights at the points."""
        hidden, bias, output, offset = self.weights
        return np.tanh(points @ hidden + bias) @ output + offset

    def gradient(self, points: np.ndarray, heights: np.ndarray) -> list[np.ndarray]:
        """Of half the mean squared error, for each array of weights."""
        hidden, bias, output, _ = self.weights
        active = np.tanh(points @ hidden + bias)
        error = (self.predict(points) - heights) / len(points)
        back = error[:, None] * output * (1 - active**2)
        return [points.T @ back, back.sum(axis=0), active.T @ error, error.sum(keepdims=True)]

    def train(
        self,
        points: np.ndarray,
        heights: np.ndarray,
        epochs: int,
        learning_rate: float,
        batch_size: int,
        rng: np.random.Generator,
    ) -> None:
        """Improve the weights in batches of random order."""
        velocities = [np.zeros_like(array) for array in self.weights]
        for _ in range(epochs):
            order = rng.permutation(len(points))
            for batch in np.split(order, range(batch_size, len(order), batch_size)):
                gradients = self.gradient(points[batch], heights[batch])
                for k, gradient in enumerate(gradients):
                    velocities[k] = MOMENTUM * velocities[k] - learning_rate * gradient
                    self.weights[k] += velocities[k]
