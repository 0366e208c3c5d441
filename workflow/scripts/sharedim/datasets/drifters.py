"""Drifters in a random flow: trajectories beside the coefficients of the stream function behind them.

The Lagrangian data assimilation of Baptista, Stuart and Tran (arXiv 2505.24134, Section 6.3) at a
small size. One drifter a pair starts at the same place in a flow of its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

START = np.array([0.75, 0.75])
# Runge-Kutta steps between two recorded positions: an error below that of single precision.
STEPS_A_POSITION = 5
# Oscillations of the fastest mode, in each mode, during the record.
CYCLES_A_MODE = 1.0
# Drifters that are integrated together, to stay in the cache.
PAIRS_AT_ONCE = 2_000


def simulate_drifters(
    *,
    pairs: int,
    modes: int,
    positions: int,
    speed: float,
    seed: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Simulate trajectories of drifters and the flows that carry them.

    The stream function on the periodic unit square is a sum over Fourier modes,
    ``psi(x, t) = Re sum_k psi_k exp(i omega_k t) exp(2 pi i m_k . x)`` (equation 59), and the velocity
    its skew gradient (58). The coefficients psi_k are complex normal for each pair, so large that
    every mode adds the same to the mean square of the speed; wave vectors m_k and frequencies
    omega_k are the same for all pairs.

    Parameters
    ----------
    pairs : int
        Drifters, each in a flow of its own.
    modes : int
        Fourier modes K, those with the longest waves.
    positions : int
        Recorded positions J, evenly spaced over one unit of time.
    speed : float
        Root mean square of the speed, in sides of the square a unit of time. The larger, the less
        is the trajectory a linear function of the coefficients.
    seed : int
        Source of all randomness.

    Returns
    -------
    trajectories : ndarray of float64, shape (pairs, 2 * positions)
        Both coordinates of each position relative to the start, one after the other, not taken
        modulo the period.
    coefficients : ndarray of float64, shape (pairs, 2 * modes)
        Real parts and then imaginary parts, each in units of its standard deviation.
    """
    rng = np.random.default_rng(seed)
    waves, frequencies = wave_vectors(modes), _frequencies(rng, modes)
    coefficients = rng.normal(size=(pairs, 2 * modes))
    amplitudes = coefficients * np.tile(standard_deviations(waves, speed), 2)
    parts = [
        trajectories(
            amplitudes[first : first + PAIRS_AT_ONCE], waves, frequencies, positions=positions
        )
        for first in range(0, pairs, PAIRS_AT_ONCE)
    ]
    return np.concatenate(parts).reshape(pairs, -1) - np.tile(START, positions), coefficients


def trajectories(
    amplitudes: NDArray[np.float64],
    waves: NDArray[np.int64],
    frequencies: NDArray[np.float64],
    *,
    positions: int,
    steps_a_position: int = STEPS_A_POSITION,
) -> NDArray[np.float64]:
    """Follow drifters for one unit of time by the classical Runge-Kutta method of fourth order.

    Parameters
    ----------
    amplitudes : ndarray, shape (n, 2 K)
        Real and then imaginary parts of each flow's coefficients psi_k.
    waves : ndarray of int, shape (K, 2)
        Wave vectors m_k.
    frequencies : ndarray, shape (K,)
        Angular frequencies omega_k.
    positions : int
        Recorded positions, evenly spaced, without the start.
    steps_a_position : int
        Steps from one to the next.

    Returns
    -------
    ndarray, shape (n, positions, 2)
    """
    step = 1 / (positions * steps_a_position)

    def at(place: NDArray[np.float64], time: float) -> NDArray[np.float64]:
        return velocity(place, time, amplitudes, waves, frequencies)

    place = np.tile(START, (len(amplitudes), 1))
    recorded = np.empty((len(amplitudes), positions, 2))
    for position in range(positions):
        for substep in range(steps_a_position):
            time = (position * steps_a_position + substep) * step
            first = at(place, time)
            second = at(place + step / 2 * first, time + step / 2)
            third = at(place + step / 2 * second, time + step / 2)
            fourth = at(place + step * third, time + step)
            place = place + step / 6 * (first + 2 * second + 2 * third + fourth)
        recorded[:, position] = place
    return recorded


def velocity(
    place: NDArray[np.float64],
    time: float,
    amplitudes: NDArray[np.float64],
    waves: NDArray[np.int64],
    frequencies: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the skew gradient of the stream function, ``(d psi / d y, -d psi / d x)``.

    Parameters
    ----------
    place : ndarray, shape (n, 2)
        One place in each flow.
    time : float
        The same for all.
    amplitudes, waves, frequencies : ndarray
        As for `trajectories`.

    Returns
    -------
    ndarray, shape (n, 2)
    """
    real, imaginary = np.split(amplitudes, 2, axis=1)
    phase = _phase(place, time, waves, frequencies)
    gradient = -2 * np.pi * (real * np.sin(phase) + imaginary * np.cos(phase)) @ waves
    return np.stack([gradient[:, 1], -gradient[:, 0]], axis=1)


def stream_function(
    place: NDArray[np.float64],
    time: float,
    amplitudes: NDArray[np.float64],
    waves: NDArray[np.int64],
    frequencies: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the stream function at one place in each flow, shape (n,); arguments as `velocity`."""
    real, imaginary = np.split(amplitudes, 2, axis=1)
    phase = _phase(place, time, waves, frequencies)
    values: NDArray[np.float64] = (real * np.cos(phase) - imaginary * np.sin(phase)).sum(axis=1)
    return values


def _phase(
    place: NDArray[np.float64],
    time: float,
    waves: NDArray[np.int64],
    frequencies: NDArray[np.float64],
) -> NDArray[np.float64]:
    phase: NDArray[np.float64] = 2 * np.pi * place @ waves.T + frequencies * time
    return phase


def wave_vectors(modes: int) -> NDArray[np.int64]:
    """Return the shortest wave vectors, one of each pair m and -m, shape (modes, 2)."""
    # Half a square of this size holds more than as many.
    reach = int(np.ceil(np.sqrt(modes)))
    half = [
        (x, y)
        for x in range(reach + 1)
        for y in range(-reach, reach + 1)
        if x > 0 or y > 0
    ]  # fmt: skip
    half.sort(key=lambda wave: (wave[0] ** 2 + wave[1] ** 2, wave))
    return np.array(half[:modes])


def standard_deviations(waves: NDArray[np.int64], speed: float) -> NDArray[np.float64]:
    """Return the standard deviation of both parts of each psi_k that make the speed what it is."""
    lengths: NDArray[np.float64] = np.linalg.norm(waves, axis=1)
    deviations: NDArray[np.float64] = speed / np.sqrt(len(waves)) / (2 * np.pi * lengths)
    return deviations


def _frequencies(rng: np.random.Generator, modes: int) -> NDArray[np.float64]:
    """Draw angular frequencies, one from each of as many equal intervals.

    So none is like another, and every mode leaves a trace of its own in a trajectory.
    """
    return rng.permutation(2 * np.pi * CYCLES_A_MODE * (np.arange(modes) + rng.random(modes)))
