"""Ratings that people give, on any scale of numbers, as Braintrust scores from 0 to 1."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"
_SCALE = re.compile(rf"\s*({_NUMBER})\s*(?:-|\.\.|:)\s*({_NUMBER})\s*")


class RatingError(ValueError):
    """A rating or a scale that cannot be read; the message says which and what is expected."""


@dataclass(frozen=True, slots=True)
class RatingScale:
    """A scale of ratings.

    Args:
        worst: the rating that becomes the score 0.
        best: the rating that becomes the score 1.

    Example:
        >>> RatingScale.parse("1-5").score(4)
        0.75
    """

    worst: float
    best: float

    @classmethod
    def parse(cls, text: str) -> RatingScale:
        """Read a scale such as `1-5`, `0-1`, `-1-1` or `-1..1`.

        Args:
            text: the worst and the best rating, joined by `-`, `..` or `:`.

        Returns:
            The scale.

        Raises:
            RatingError: the text is no scale, or its ends are not in order.
        """
        match = _SCALE.fullmatch(text)
        if match is None:
            raise RatingError(f"the rating scale {text!r} is not of the form WORST-BEST, as in 1-5")
        worst, best = float(match[1]), float(match[2])
        if not worst < best:
            raise RatingError(f"the rating scale {text!r} must start with its lower end")
        return cls(worst, best)

    def score(self, rating: Any) -> float:
        """Turn a rating into a score.

        Args:
            rating: a number within the scale.

        Returns:
            Where it lies on the scale: 0 at the worst end, 1 at the best.

        Raises:
            RatingError: it is not a number or lies outside the scale.
        """
        if isinstance(rating, bool) or not isinstance(rating, (int, float)):
            raise RatingError(f"the rating must be a number, found {rating!r:.40}")
        if not math.isfinite(rating) or not self.worst <= rating <= self.best:
            raise RatingError(
                f"the rating {rating} is outside the scale {self}; name another with "
                "--rating-scale, as in 0-10"
            )
        return (rating - self.worst) / (self.best - self.worst)

    def __str__(self) -> str:
        """Write the scale as it is read."""
        return f"{self.worst:g}-{self.best:g}"


FIVE_STARS = RatingScale(1, 5)
