"""Number and date formats (CLDR, as browsers use them)."""
