"""The last layer: multinomial logistic regression, which has one best solution."""

import numpy as np
from keras import ops

from ..breeds import CLASSES

ITERATIONS = 150  # of L-BFGS; more change no answer that matters


def fit(
    features: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    penalty: float,
    shrinkage: float | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the kernel (d, kinds) and the bias (kinds,) of a softmax classifier.

    features: (n, d) float32, standardised; targets: (n,) int, all of 0…kinds−1; weights: (n,)
    float. With `shrinkage`, directions in which a class varies much count for less: features are
    whitened by the within-class covariance (Hatch et al. 2006), to which that share of its mean
    variance is added.
    """
    weights = (weights / weights.sum()).astype("float32")
    transform = _whitening(features, targets, weights, shrinkage)
    inputs = features if transform is None else _product(features, transform)
    length = np.sqrt((weights * (inputs**2).sum(axis=1)).sum())  # root of the mean squared length
    kernel, bias = _regress(inputs / length, targets, weights, penalty)
    kernel = kernel / length
    return (kernel if transform is None else transform @ kernel), bias


def _whitening(
    features: np.ndarray, targets: np.ndarray, weights: np.ndarray, shrinkage: float | None
) -> np.ndarray | None:
    """Return the matrix (d, d) that makes the within-class covariance of features nearly even."""
    if shrinkage is None:
        return None
    classes = np.minimum(targets, len(CLASSES) - 1)  # all kinds of none are one class
    member = np.eye(len(CLASSES), dtype="float32")[classes]  # (n, 5)
    sums = (member * weights[:, None]).T @ features
    means = sums / np.maximum(weights @ member, 1e-9)[:, None]
    apart = (features - means[classes]) * np.sqrt(weights)[:, None]
    covariance = np.array(ops.matmul(apart.T, apart))
    covariance[np.diag_indices_from(covariance)] += (
        shrinkage * np.trace(covariance) / len(covariance)
    )
    return np.linalg.inv(np.linalg.cholesky(covariance)).T.astype("float32")


def _product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.asarray(ops.matmul(left, right))


def _regress(
    inputs: np.ndarray, targets: np.ndarray, weights: np.ndarray, penalty: float
) -> tuple[np.ndarray, np.ndarray]:
    from scipy.optimize import minimize

    kinds, width = int(targets.max()) + 1, inputs.shape[1]
    inputs, truth = ops.convert_to_tensor(inputs), ops.one_hot(targets, kinds)
    weights = ops.convert_to_tensor(weights[:, None])

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        both = flat.reshape(width + 1, kinds).astype("float32")
        kernel, bias = both[:-1], both[-1]
        logits = ops.matmul(inputs, kernel) + bias
        error = ops.sum(weights * truth * ops.log_softmax(logits))
        gap = weights * (ops.softmax(logits) - truth)  # (n, kinds)
        slope = np.asarray(ops.matmul(ops.transpose(inputs), gap)) + penalty * kernel
        slope = np.concatenate([slope, np.asarray(ops.sum(gap, axis=0))[None]])
        value = penalty / 2 * float((kernel.astype("float64") ** 2).sum()) - float(error)
        return value, slope.ravel().astype("float64")

    start = np.zeros((width + 1) * kinds)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS})
    both = found.x.reshape(width + 1, kinds).astype("float32")
    return both[:-1], both[-1]
