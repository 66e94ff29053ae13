"""What a policy is paid for a week: its log return net of costs, and its differential Sharpe ratio, half and half."""

from dataclasses import dataclass

import numpy as np

ADAPTATION = 0.01
"""η of the differential Sharpe ratio: its memory is about two years of weeks."""
FLAT = 1e-12


def differential_sharpe(
    returns: np.ndarray, first: np.ndarray, second: np.ndarray, eta: float = ADAPTATION
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Derivative of the Sharpe ratio's exponential average by η (Moody & Saffell 2001), and the new moments.

    D = (B·ΔA - ½·A·ΔB) / (B - A²)^1.5 with ΔA = r - A, ΔB = r² - B, all before the update; 0 where |(B - A²)^1.5| is
    below 1e-12.

    Args:
        returns: (...,) of the week.
        first: A, the average of returns.
        second: B, the average of squared returns.
        eta: weight of the newest week.
    """
    up, wide = returns - first, returns**2 - second
    spread = np.maximum(second - first**2, 0.0)
    scale = spread * np.sqrt(spread)
    top = second * up - 0.5 * first * wide
    value = np.divide(top, scale, out=np.zeros_like(top), where=scale >= FLAT)
    return value, first + eta * up, second + eta * wide


@dataclass(frozen=True, slots=True)
class RewardScale:
    """Where the averages begin, and the unit of the return: both of an equal-weighted portfolio in the training weeks.

    Averages that begin at zero make the first ratios thousands of times larger than the returns. Begun at the usual
    mean and spread, D is about as large as a return in standard deviations, and that is the unit of the
    return part: neither drowns the other.
    """

    mean: float
    std: float

    @classmethod
    def of(cls, log_returns: np.ndarray) -> "RewardScale":
        """From weekly log returns of equal weight."""
        return cls(float(log_returns.mean()), max(float(log_returns.std()), 1e-6))

    @property
    def second(self) -> float:
        """Mean of squares that belongs to it."""
        return self.mean**2 + self.std**2

    def parts(
        self, log_returns: np.ndarray, first: np.ndarray, second: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return part, differential-Sharpe part (the reward is their sum), and the new averages."""
        value, first, second = differential_sharpe(log_returns, first, second)
        return 0.5 * log_returns / self.std, 0.5 * value, first, second

    def of_equal_weight(self, log_returns: np.ndarray) -> np.ndarray:
        """What equal weight would be paid for each week, with the averages at their beginning.

        Subtracted from every reward of that week in training. No action changes it, so the best policy stays the best,
        and most of what the whole market did no longer drowns what the choice of names did (Mao et al. 2019, variance
        reduction for input-driven environments).
        """
        start = np.full_like(log_returns, self.mean), np.full_like(log_returns, self.second)
        paid, sharpe, _, _ = self.parts(log_returns, *start)
        return paid + sharpe
