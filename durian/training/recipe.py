"""How the shipped model is trained: every choice, in one place."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Recipe:
    """The knobs of one training. An ablation is a `dataclasses.replace` of `SHIPPED`."""

    photo_size: int = 400  # pixels a side of a photograph before a view is cut from it
    views: int = 2  # varied views of each picture to learn from, besides the plain one
    render_views: int = 6  # … of each render
    swapped: float = 0.6  # share of cut-out fruits that a view lays on another background
    mask_epochs: int = 6
    mask_batch: int = 16
    mask_rate: float = 3e-3  # the mask head's highest learning rate
    batch: int = 64
    render_weight: float = 0.25  # of a render, beside a photograph's 1
    none_weight: float = 0.7  # of what is none of the breeds, beside a breed's 1
    varieties: bool = True  # tell varieties of none apart, and add them up again
    shrinkage: float | None = 3.0  # of the within-class covariance that whitens; None: no whitening
    penalty: float = 3e-5  # L2, on features whose mean squared length is 1
    palette: bool = True  # go by colours too
    seed: int = 0


SHIPPED = Recipe()
QUICK = replace(SHIPPED, views=1, render_views=1, mask_epochs=2, mask_batch=4, batch=8)
