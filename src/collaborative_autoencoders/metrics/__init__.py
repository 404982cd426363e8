"""How good lists and predicted ratings are: small algebra on arrays, one value per user."""
