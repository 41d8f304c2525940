"""Acquisition: what the scanner makes of the body, that is blur, noise and bed positions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d

__all__ = ["Scanner", "add_ct_noise", "add_pet_noise", "blur", "correlated_noise", "smooth_field"]

_FWHM_TO_SIGMA = 1 / (2 * np.sqrt(2 * np.log(2)))
#: Gaussian kernels end after so many standard deviations.
_TRUNCATE = 3.0
#: Slices per pass where a formula needs temporaries, so that these stay small.
_CHUNK = 16

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Scanner:
    """Properties of the PET scan of one patient.

    Args:
        psf_fwhm_mm: full width at half maximum of the point spread function.
        noise: standard deviation of the noise at SUV 1 in the middle of a bed; it grows with the
            root of the SUV, as counts do.
        noise_fwhm_mm: correlation of the noise.
        bed_mm: distance between bed positions.
        bed_gain: relative standard deviation of the calibration between beds.
    """

    psf_fwhm_mm: float = 6.0
    noise: float = 0.13
    noise_fwhm_mm: float = 5.5
    bed_mm: float = 135.0
    bed_gain: float = 0.015

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Scanner":
        """Draw noise and bed length; the point spread stays 6 mm."""
        return cls(noise=float(rng.uniform(0.08, 0.17)), bed_mm=float(rng.uniform(110, 165)))


def blur(values: Floats, fwhm_mm: float, spacing: tuple[float, float, float]) -> None:
    """Convolve with a Gaussian in place; the sum of a point far from the border is kept.

    Args:
        values: float32 [x, y, z].
        fwhm_mm: full width at half maximum, mm.
        spacing: mm.
    """
    sigma = [fwhm_mm * _FWHM_TO_SIGMA / step for step in spacing]
    gaussian_filter(values, sigma, output=values, mode="nearest", truncate=_TRUNCATE)


def correlated_noise(
    shape: tuple[int, int, int],
    fwhm_mm: float,
    spacing: tuple[float, float, float],
    rng: np.random.Generator,
) -> Floats:
    """Gaussian noise of mean 0 and variance 1 whose neighbours are alike, float32 [x, y, z].

    Smoothing with a kernel k multiplies the variance of white noise by sum k^2; dividing by its
    root gives variance 1 everywhere but at the borders.
    """
    noise = rng.standard_normal(shape[::-1], dtype=np.float32).T
    blur(noise, fwhm_mm, spacing)
    power = 1.0
    for step in spacing:
        point = np.zeros(101)
        point[50] = 1.0
        sigma = fwhm_mm * _FWHM_TO_SIGMA / step
        power *= float(np.square(gaussian_filter1d(point, sigma, truncate=_TRUNCATE)).sum())
    noise /= np.float32(np.sqrt(power))
    return noise


def add_pet_noise(
    pet: Floats, z: NDArray[np.floating], scanner: Scanner,
    spacing: tuple[float, float, float], rng: np.random.Generator,
) -> None:  # fmt: skip
    """Add noise that depends on signal and bed position to a blurred PET, in place.

    Neighbouring beds overlap by half, and sensitivity falls off towards both ends of a bed, so the
    summed sensitivity dips where the beds meet; noise goes with its inverse root. SUV stay at or
    above 0.

    Args:
        pet: SUV, float32 [x, y, z].
        z: LPS mm of the slices, (nz,).
        scanner: strength of each effect.
        spacing: mm.
        rng: source of all draws.
    """
    turn = 2 * np.pi * (z / scanner.bed_mm + rng.random())
    sensitivity = 0.8 + 0.2 * np.cos(turn)
    bed = np.floor(turn / (2 * np.pi)).astype(int)
    gains = 1 + scanner.bed_gain * rng.standard_normal(int(bed.max() - bed.min()) + 1)
    gain = gains[bed - bed.min()].astype(np.float32)
    strength = (scanner.noise / np.sqrt(sensitivity)).astype(np.float32)
    noise = correlated_noise((*pet.shape[:2], pet.shape[2]), scanner.noise_fwhm_mm, spacing, rng)
    for start in range(0, pet.shape[2], _CHUNK):
        part = slice(start, start + _CHUNK)
        slab = pet[..., part]
        noise[..., part] *= np.sqrt(slab + np.float32(0.01)) * strength[part]
        slab += noise[..., part]
        slab *= gain[part]
        np.maximum(slab, 0, out=slab)


def add_ct_noise(ct: Floats, rng: np.random.Generator, sd: float = 14.0) -> NDArray[np.int16]:
    """Round a CT with noise of ``sd`` HU to int16; nothing goes below -1024."""
    noisy = np.empty(ct.shape[::-1], dtype=np.int16).T
    for start in range(0, ct.shape[2], _CHUNK):
        slab = ct[..., start : start + _CHUNK]
        noise = rng.standard_normal(slab.shape[::-1], dtype=np.float32).T
        noisy[..., start : start + _CHUNK] = np.clip(np.rint(slab + sd * noise), -1024, 3000)
    return noisy


def smooth_field(nodes: Floats, positions: tuple[Floats, Floats, Floats]) -> Floats:
    """Trilinear interpolation of a lattice, (nx, ny, nz), at the crossings of three axes.

    Args:
        nodes: values of the lattice.
        positions: fractional lattice indices along x, y, z; clipped to the lattice.

    Returns:
        float32 of shape (len x, len y, len z).
    """
    values = nodes
    # z first: a slab has few slices, so the intermediate arrays stay small.
    for axis in (2, 1, 0):
        place = np.clip(positions[axis], 0, nodes.shape[axis] - 1.001)
        low = place.astype(int)
        shape = [1, 1, 1]
        shape[axis] = -1
        share = (place - low).astype(np.float32).reshape(shape)
        first = values.take(low, axis=axis)
        first += share * (values.take(low + 1, axis=axis) - first)
        values = first
    return values
