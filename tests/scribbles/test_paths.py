"""Ends and paths against networkx and all pairs."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from lesionloop.scribbles.paths import farthest_pair, shortest_path

images = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9))


def graph_of(image: NDArray[np.bool_]) -> nx.Graph:
    graph = nx.Graph()
    pixels = [tuple(pixel) for pixel in np.argwhere(image).tolist()]
    graph.add_nodes_from(pixels)
    for x, y in pixels:
        for dx, dy in np.ndindex(3, 3):
            neighbour = (x + dx - 1, y + dy - 1)
            if neighbour in graph and neighbour != (x, y):
                graph.add_edge((x, y), neighbour)
    return graph


@settings(deadline=None, max_examples=200)
@given(images)
def test_farthest_pair_is_the_first_of_all_pairs(image: NDArray[np.bool_]) -> None:
    assume(image.sum() >= 2)
    pixels = np.argwhere(image)
    distance = cdist(pixels, pixels, "sqeuclidean")  # whole numbers, so ties are exact
    first, second = np.unravel_index(int(np.argmax(distance)), distance.shape)
    expected = (tuple(pixels[first].tolist()), tuple(pixels[second].tolist()))
    assert farthest_pair(image) == expected


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (np.ones((3, 3)), ((0, 0), (2, 2))),  # two equal diagonals
        (np.ones((1, 4)), ((0, 0), (0, 3))),
        (np.eye(5), ((0, 0), (4, 4))),
    ],
)
def test_farthest_pair_by_hand(
    image: NDArray[np.float64], expected: tuple[tuple[int, int], tuple[int, int]]
) -> None:
    assert farthest_pair(image.astype(bool)) == expected


def test_farthest_pair_of_a_large_full_image_needs_few_candidates() -> None:
    assert farthest_pair(np.ones((900, 700), dtype=bool)) == ((0, 0), (899, 699))


@settings(deadline=None, max_examples=200)
@given(images)
def test_shortest_path_takes_the_ties_of_networkx(image: NDArray[np.bool_]) -> None:
    graph = graph_of(image)
    for part in nx.connected_components(graph):
        pixels = sorted(part)
        if len(pixels) > 1:
            path = shortest_path(image, pixels[0], pixels[-1])
            expected = nx.shortest_path(graph, pixels[0], pixels[-1])
            assert [tuple(p) for p in path.tolist()] == expected


def test_shortest_path_refuses_pixels_without_a_way() -> None:
    image = np.array([[1, 0, 1], [1, 0, 1]], dtype=bool)
    with pytest.raises(ValueError, match="not connected"):
        shortest_path(image, (0, 0), (1, 2))
