"""The public data sets named by the model card, read into one `Example` shape, cleaned, deduplicated and split."""
