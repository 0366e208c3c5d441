from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from sharedim.datasets import drifters

MODES, SPEED = 5, 1.5
WAVES = drifters.wave_vectors(MODES)


@pytest.fixture(scope="module")
def flows():
    """Amplitudes and frequencies of some flows."""
    rng = np.random.default_rng(0)
    amplitudes = rng.normal(size=(400, 2 * MODES))
    amplitudes *= np.tile(drifters.standard_deviations(WAVES, SPEED), 2)
    return amplitudes, rng.uniform(0, 30, size=MODES)


@pytest.fixture
def places():
    return np.random.default_rng(1).random((400, 2))


@pytest.mark.parametrize("modes", [1, 2, 5, 12, 49])
def test_wave_vectors_are_the_shortest_and_each_stands_for_two(modes):
    waves = drifters.wave_vectors(modes)
    assert waves.shape == (modes, 2)
    both = {tuple(wave) for wave in waves} | {tuple(-wave) for wave in waves}
    assert len(both) == 2 * modes
    assert (0, 0) not in both
    longest = (waves**2).sum(axis=1).max()
    reach = range(-10, 11)
    shorter = {(x, y) for x in reach for y in reach if 0 < x**2 + y**2 < longest}
    assert shorter <= both


def test_the_stream_function_is_the_real_part_of_the_sum(flows, places):
    amplitudes, frequencies = flows
    time = 0.3
    expected = np.zeros(len(places))
    for mode in range(MODES):
        coefficient = amplitudes[:, mode] + 1j * amplitudes[:, MODES + mode]
        wave = np.exp(2j * np.pi * (places * WAVES[mode]).sum(axis=1))
        expected += (coefficient * np.exp(1j * frequencies[mode] * time) * wave).real
    found = drifters.stream_function(places, time, amplitudes, WAVES, frequencies)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_the_velocity_is_the_skew_gradient_and_free_of_divergence(flows, places):
    amplitudes, frequencies = flows
    time, step = 0.7, 1e-5

    def slope(function, axis):
        shift = step * np.eye(2)[axis]
        return (function(places + shift) - function(places - shift)) / (2 * step)

    def stream(place):
        return drifters.stream_function(place, time, amplitudes, WAVES, frequencies)

    def velocity(place):
        return drifters.velocity(place, time, amplitudes, WAVES, frequencies)

    expected = np.stack([slope(stream, 1), -slope(stream, 0)], axis=1)
    np.testing.assert_allclose(velocity(places), expected, atol=1e-7)
    divergence = slope(velocity, 0)[:, 0] + slope(velocity, 1)[:, 1]
    assert np.abs(slope(velocity, 0)[:, 0]).max() > 1
    np.testing.assert_allclose(divergence, 0, atol=1e-6)


def test_the_speed_is_what_was_asked_for(flows, places):
    amplitudes, frequencies = flows
    found = drifters.velocity(places, 0.2, amplitudes, WAVES, frequencies)
    squares = (found**2).sum(axis=1)
    error = squares.std() / np.sqrt(len(squares))
    assert squares.mean() == pytest.approx(SPEED**2, abs=4 * error)


def test_trajectories_are_those_of_an_adaptive_integration(flows):
    amplitudes, frequencies = flows
    found = drifters.trajectories(amplitudes[:20], WAVES, frequencies, positions=25)
    for own, trajectory in zip(amplitudes[:20], found, strict=True):
        reference = solve_ivp(
            lambda time, place, own=own: drifters.velocity(
                place[None], time, own[None], WAVES, frequencies
            )[0],
            (0, 1), drifters.START, method="DOP853", rtol=1e-11, atol=1e-11,
            t_eval=np.linspace(0, 1, 26)[1:],
        )  # fmt: skip
        np.testing.assert_allclose(trajectory, reference.y.T, atol=2e-5)


def test_the_error_of_the_integration_is_of_fourth_order(flows):
    amplitudes, frequencies = flows
    exact, coarse, fine = (
        drifters.trajectories(amplitudes, WAVES, frequencies, positions=10, steps_a_position=steps)
        for steps in (160, 10, 20)
    )
    ratio = np.abs(coarse - exact).mean() / np.abs(fine - exact).mean()
    assert ratio == pytest.approx(2**4, rel=0.2)


def test_slow_drifters_are_a_linear_image_of_their_coefficients():
    first, second = drifters.simulate_drifters(pairs=400, modes=3, positions=25, speed=1e-4, seed=0)
    solution, *_ = np.linalg.lstsq(second, first, rcond=None)
    np.testing.assert_allclose(second @ solution, first, atol=1e-3 * first.std())
    # Each coefficient leaves a trace of its own.
    assert np.linalg.matrix_rank(solution, tol=1e-2 * np.linalg.norm(solution)) == 6


def test_drifters_do_not_depend_on_how_many_are_followed_together(monkeypatch):
    options = {"pairs": 50, "modes": 2, "positions": 5, "speed": 1.0, "seed": 4}
    together, coefficients = drifters.simulate_drifters(**options)
    assert together.shape == (50, 10)
    assert coefficients.shape == (50, 4)
    monkeypatch.setattr(drifters, "PAIRS_AT_ONCE", 7)
    apart, again = drifters.simulate_drifters(**options)
    np.testing.assert_allclose(apart, together, atol=1e-12)
    np.testing.assert_array_equal(again, coefficients)
