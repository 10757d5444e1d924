"""Three classifiers: fitted by scikit-learn, kept as plain arrays, evaluated by NumPy.

Importing scikit-learn takes a second, so only training does that.
"""

from collections.abc import Callable, Mapping

import numpy as np

Arrays = Mapping[str, np.ndarray]


def fit_logistic(images: np.ndarray, labels: np.ndarray, seed: int) -> Arrays:
    """Multinomial logistic regression."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=10, max_iter=500, random_state=seed).fit(images, labels)
    return {"weights": model.coef_.T, "bias": model.intercept_, "classes": model.classes_}


def logistic_probabilities(arrays: Arrays, images: np.ndarray) -> np.ndarray:
    """Softmax of a linear map."""
    return softmax(images @ arrays["weights"] + arrays["bias"])


def fit_mlp(images: np.ndarray, labels: np.ndarray, seed: int) -> Arrays:
    """One hidden layer of rectified units."""
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier((64,), solver="lbfgs", alpha=0.1, tol=1e-3, max_iter=1000, random_state=seed)
    model.fit(images, labels)
    (hidden, output), (hidden_bias, output_bias) = model.coefs_, model.intercepts_
    return {
        "hidden": hidden,
        "hidden_bias": hidden_bias,
        "output": output,
        "output_bias": output_bias,
        "classes": model.classes_,
    }


def mlp_probabilities(arrays: Arrays, images: np.ndarray) -> np.ndarray:
    """Forward pass."""
    hidden = np.maximum(images @ arrays["hidden"] + arrays["hidden_bias"], 0)
    return softmax(hidden @ arrays["output"] + arrays["output_bias"])


def fit_forest(images: np.ndarray, labels: np.ndarray, seed: int) -> Arrays:
    """Extremely randomised trees, laid end to end; a leaf's children are the leaf itself."""
    from sklearn.ensemble import ExtraTreesClassifier

    model = ExtraTreesClassifier(100, random_state=seed).fit(images, labels)
    trees = [estimator.tree_ for estimator in model.estimators_]
    roots = np.cumsum([0, *(tree.node_count for tree in trees[:-1])])
    own = [np.arange(tree.node_count) for tree in trees]
    children = [
        [np.where(side < 0, node, side) + root for side in (tree.children_left, tree.children_right)]
        for tree, node, root in zip(trees, own, roots, strict=True)
    ]
    votes = np.concatenate([tree.value[:, 0, :] for tree in trees])
    return {
        "roots": roots,
        "children": np.concatenate(children, axis=1),
        "feature": np.concatenate([np.maximum(tree.feature, 0) for tree in trees]),
        "threshold": np.concatenate([tree.threshold for tree in trees]),
        "votes": votes / votes.sum(axis=1, keepdims=True),
        "depth": np.array(max(tree.max_depth for tree in trees)),
        "classes": model.classes_,
    }


def forest_probabilities(arrays: Arrays, images: np.ndarray) -> np.ndarray:
    """Mean vote of the leaves that an image falls into; all trees and images step down together."""
    rows = np.arange(len(images))[:, None]
    node = np.broadcast_to(arrays["roots"], (len(images), len(arrays["roots"])))
    for _ in range(int(arrays["depth"])):
        right = images[rows, arrays["feature"][node]] > arrays["threshold"][node]
        node = arrays["children"][right.astype(np.intp), node]
    return arrays["votes"][node].mean(axis=1)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities from logits, along the last axis."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


FIT: dict[str, Callable[[np.ndarray, np.ndarray, int], Arrays]] = {
    "mlp": fit_mlp,
    "forest": fit_forest,
    "logistic": fit_logistic,
}
EVALUATE: dict[str, Callable[[Arrays, np.ndarray], np.ndarray]] = {
    "mlp": mlp_probabilities,
    "forest": forest_probabilities,
    "logistic": logistic_probabilities,
}


def probabilities(name: str, arrays: Arrays, images: np.ndarray) -> np.ndarray:
    """Probability of each of the ten digits, ``[images, 10]``; 0 for digits not seen in training."""
    result = np.zeros((len(images), 10), np.float32)
    result[:, arrays["classes"]] = EVALUATE[name](arrays, images)
    return result
