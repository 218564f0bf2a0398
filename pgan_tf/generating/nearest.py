"""The nearest of many vectors, seen in batches: memory for a batch and for the best ones."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Nearest:
    """The nearest vectors of each query, nearest first.

    Attributes:
        numbers: `(queries, count)` int64, in the order that they were added in, from 0.
        distances: `(queries, count)` float64, root mean square differences.
        views: `(queries, count)` int64, which view of the query was as near as that.
    """

    numbers: np.ndarray
    distances: np.ndarray
    views: np.ndarray


class NearestSearch:
    """Takes vectors batch by batch, and keeps the nearest of each query.

    In float64, in which squared distances between pictures of whole numbers are exact: what is
    found does not depend on batches, and what is equal is at distance 0. Of equally near ones
    the first wins.
    """

    def __init__(self, views: np.ndarray, count: int) -> None:
        """Begins a search.

        Args:
            views: `(views, queries, size)`; a query is as near as its nearest view.
            count: how many to keep for each query.
        """
        self._shape = views.shape[:2]
        self._views = views.reshape(-1, views.shape[-1]).astype(np.float64)
        self._squares = np.einsum("ij,ij->i", self._views, self._views)
        self._count, self._seen = count, 0
        queries = views.shape[1]
        self._distances = np.empty((queries, 0))
        self._numbers = np.empty((queries, 0), np.int64)
        self._nearest_views = np.empty((queries, 0), np.int64)

    def add(self, batch: np.ndarray) -> None:
        """Takes a batch, `(n, size)`."""
        batch = batch.astype(np.float64)
        squares = np.einsum("ij,ij->i", batch, batch)
        found = self._squares[:, None] + squares - 2 * (self._views @ batch.T)
        found = np.maximum(found, 0).reshape(*self._shape, len(batch))
        numbers = np.broadcast_to(self._seen + np.arange(len(batch)), found.shape[1:])
        self._seen += len(batch)
        distances = np.concatenate([self._distances, found.min(axis=0)], axis=1)
        numbers = np.concatenate([self._numbers, numbers], axis=1)
        views = np.concatenate([self._nearest_views, found.argmin(axis=0)], axis=1)
        order = np.argsort(distances, axis=1, kind="stable")[:, : self._count]
        self._distances, self._numbers, self._nearest_views = (
            np.take_along_axis(one, order, axis=1) for one in (distances, numbers, views)
        )

    def result(self) -> Nearest:
        """Returns what is nearest of all that was added."""
        roots = np.sqrt(self._distances / self._views.shape[1])
        return Nearest(self._numbers, roots, self._nearest_views)
