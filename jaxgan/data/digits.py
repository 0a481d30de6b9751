"""The handwritten digits that ship inside scikit-learn: real images without a download.

1,797 images of 8 x 8 pixels with 17 grey levels, about 180 of each digit.

References:
  Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
  Repository, 1998, https://doi.org/10.24432/C50P49
"""

import numpy as np

NUM_CLASSES = 10
SIDE = 8
"""Pixels each way."""


def load() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The digits as uint8 images, split into training and test images.

    The split is stratified and is always the same: of each digit, in the order of the
    file, every fifth example is held out, beginning with the first. Grey level 16
    becomes 255.

    Returns:
      `(train_x, train_label, test_x, test_label)`: images `[N, 8, 8, 1]` uint8 with
      background 0, labels `[N]` int32 in 0..9; about 80 % and 20 % of the data.
    """
    from sklearn import datasets

    digits = datasets.load_digits()
    x = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., None]
    label = digits.target.astype(np.int32)
    held_out = _every_fifth_of_each_class(label)
    return x[~held_out], label[~held_out], x[held_out], label[held_out]


def _every_fifth_of_each_class(label: np.ndarray) -> np.ndarray:
    held_out = np.zeros(len(label), bool)
    for value in np.unique(label):
        held_out[np.flatnonzero(label == value)[::5]] = True
    return held_out
