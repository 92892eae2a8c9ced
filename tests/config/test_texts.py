"""Names that the settings must not take, held against what takes them."""

from __future__ import annotations

import pytest

from ccpush.config.texts import RESERVED_LABELS, RefusedError, parse_label_name


def test_every_label_of_ccpush_itself_is_reserved() -> None:
    """An external label with the name of a metric's own label would hide that label."""
    catalogue = pytest.importorskip("ccpush.metrics.catalogue")
    tables = [table for table in vars(catalogue).values() if isinstance(table, tuple)]
    metrics = [row for table in tables for row in table if isinstance(row, catalogue.Metric)]
    labels = {label for metric in metrics for label in metric.labels}
    assert {"model", "type"} <= labels
    assert set() == labels - RESERVED_LABELS


@pytest.mark.parametrize("name", sorted(RESERVED_LABELS))
def test_reserved_labels_are_refused(name: str) -> None:
    """None of the reserved names passes as a label of the user's."""
    with pytest.raises(RefusedError):
        parse_label_name(name)
