"""Sparse matrices as .npz files."""

import json

from kedro_datasets._typing import JSONPreview
from scipy.sparse import csr_array

from collaborative_autoencoders.datasets.file_dataset import FileDataset
from collaborative_autoencoders.interactions.matrices import matrix_from_bytes, matrix_to_bytes


class SparseMatrixDataset(FileDataset[csr_array]):
    """A CSR matrix in an .npz file; entries that are stored zeros stay stored."""

    kind = "sparse matrix (.npz)"

    def to_bytes(self, data: csr_array) -> bytes:
        """The matrix as .npz."""
        return matrix_to_bytes(data)

    def from_bytes(self, data: bytes) -> csr_array:
        """The matrix that was saved; ValueError if the bytes are cut short or changed."""
        return matrix_from_bytes(data)

    def preview(self) -> JSONPreview:
        """Shape, stored entries, their share of all cells and their range, for kedro-viz."""
        return JSONPreview(json.dumps(_facts(self.load()) if self.exists() else {}))


def _facts(matrix: csr_array) -> dict[str, object]:
    n_cells = matrix.shape[0] * matrix.shape[1]
    return {
        "shape": list(matrix.shape),
        "nnz": int(matrix.nnz),
        "density": round(matrix.nnz / n_cells, 6) if n_cells else None,
        "lowest": float(matrix.data.min()) if matrix.nnz else None,
        "highest": float(matrix.data.max()) if matrix.nnz else None,
    }
