"""What a resumed run registers again."""

from kedro.io import DataCatalog, MemoryDataset

from collaborative_autoencoders.hooks.out_of_date import why_register_again


def test_a_model_whose_code_was_edited_is_registered_again():
    """The edit may have been taken back, so that nothing else is out of date."""
    outcomes = {
        "ease.registration": {"not_registered": "models/ease.py has", "edited": "models/ease.py"},
        "bias.registration": {"not_registered": "not one of the best"},
    }
    catalog = DataCatalog({name: MemoryDataset(found) for name, found in outcomes.items()})
    said = "ease was not registered: models/ease.py was edited in that run"
    assert why_register_again(catalog, "ease.registration") == said
    assert why_register_again(catalog, "bias.registration") is None
